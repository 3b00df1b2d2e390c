import type { Command } from 'commander';
import type { ControlClient } from './client/client.js';
import type { GlobalOptions } from './global-options.js';
import type { Interrupts } from './interrupts.js';
import type { TextSink, StandardInput } from './output/terminal.js';

export interface ClusterConnectOptions {
  /**
   * Starts a local cluster on this computer's engine if no cluster is configured, instead of
   * failing.
   */
  readonly startLocal?: boolean;
}

export interface OfferedCommand {
  readonly name: string;
  readonly summary: string;
  readonly load?: () => Promise<(cli: Cli) => Command>;
}

/** The environment of a command: main.ts passes the real one, tests pass a fake. */
export interface Cli {
  readonly options: GlobalOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdin: StandardInput;
  /** Takes results. */
  readonly stdout: TextSink;
  /** Takes progress, warnings and errors. */
  readonly stderr: TextSink;
  readonly interrupts: Interrupts;
  readonly now: () => number;
  /** All commands, for commands that list or run others (completion, dashboard). */
  readonly commands?: readonly OfferedCommand[];
  /** Connects to the current cluster; main.ts closes the client. */
  readonly connect: (options?: ClusterConnectOptions) => Promise<ControlClient>;
}
