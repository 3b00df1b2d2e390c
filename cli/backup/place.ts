/** Where the settings of a manager are, and on which machine. */
export interface StorePlace {
  /** On this machine, past the cluster. */
  readonly config?: string;
  /** Over SSH. */
  readonly machine?: string;
}
