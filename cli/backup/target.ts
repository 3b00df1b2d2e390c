/** Selects the manager whose store a command acts on. */
export interface StoreTarget {
  /** Settings file of a stopped manager on this machine. */
  readonly config?: string;
  /** Machine of a manager, reached over SSH. */
  readonly machine?: string;
}
