import type { ProgressMode } from '../output/progress.js';
import type { CreateFlags } from '../machine/new-record.js';

/** Options of the `machine` command and global options. */
export interface MachineGlobals {
  readonly storagePath?: string;
  readonly cluster?: string;
  readonly debug?: boolean;
  /** Global flag `--progress`. */
  readonly progress?: ProgressMode;
}

export interface CreateOptions extends CreateFlags, MachineGlobals {
  readonly runtime?: string;
}
