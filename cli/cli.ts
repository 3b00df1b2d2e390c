import type { Command } from 'commander';
import type { ControlClient } from './client/client.js';
import type { GlobalOptions } from './global-options.js';
import type { Interrupts } from './interrupts.js';
import type { TextSink } from './output/terminal.js';

export interface ConnectOptions {
  /** With no cluster configured, start one for this computer's engine instead of failing. */
  readonly startLocal?: boolean;
}

export interface OfferedCommand {
  readonly name: string;
  readonly summary: string;
  readonly load?: () => Promise<(cli: Cli) => Command>;
}

/** Everything a command may touch, handed over by main.ts and replaced by tests. */
export interface Cli {
  readonly options: GlobalOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdin: NodeJS.ReadStream;
  /** Results. */
  readonly stdout: TextSink;
  /** Progress, warnings and errors. */
  readonly stderr: TextSink;
  readonly interrupts: Interrupts;
  readonly now: () => number;
  /** Every command, for those that offer or run others. */
  readonly commands?: readonly OfferedCommand[];
  /** A client for the cluster to act on; closed by main.ts. */
  readonly connect: (options?: ConnectOptions) => Promise<ControlClient>;
}
