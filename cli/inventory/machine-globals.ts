import type { ProgressMode } from '../output/progress.js';

/** Options of the `machine` command and global options. */
export interface MachineGlobals {
  readonly storagePath?: string;
  readonly cluster?: string;
  readonly debug?: boolean;
  /** Global flag `--progress`. */
  readonly progress?: ProgressMode;
}
