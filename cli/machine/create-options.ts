import type { CreateFlags } from './new-record.js';
import type { MachineGlobals } from '../inventory/machine-globals.js';

export interface CreateOptions extends CreateFlags, MachineGlobals {
  readonly runtime?: string;
}
