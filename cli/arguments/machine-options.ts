import type { ProgressMode } from '../output/progress.js';
import type { CreateFlags } from '../machine/new-record.js';

/** Options of the `machine` command and of the program above it. */
export interface MachineGlobals {
  readonly storagePath?: string;
  readonly cluster?: string;
  readonly debug?: boolean;
  /** `--progress`, before the command. */
  readonly progress?: ProgressMode;
}

export interface CreateOptions extends CreateFlags, MachineGlobals {
  readonly runtime?: string;
}
