import type { Cli } from '../cli.js';
import type { SessionTerminal } from './terminal-session.js';

export interface TerminalUse {
  readonly input: NodeJS.ReadStream | undefined;
  readonly tty: boolean;
  /** Raw bytes. */
  readonly detachKeys: string;
}

/** Connects this program's terminal to the user end of a session. */
export function terminalEnds(cli: Cli, use: TerminalUse): SessionTerminal {
  return {
    input: use.input,
    tty: use.tty,
    stdout: (data) => {
      cli.stdout.write(data);
    },
    stderr: (data) => {
      cli.stderr.write(data);
    },
    size: () => ({ columns: cli.stdout.columns, rows: cli.stdout.rows }),
    onResize: (listener) => cli.stdout.onResize(listener),
    detachKeys: Buffer.from(use.detachKeys, 'latin1'),
  };
}
