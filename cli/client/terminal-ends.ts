import type { StandardInput } from '../output/terminal.js';
import type { Cli } from '../cli.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import { ExitError, interruptedCode } from '../exit-code.js';
import type { SessionResult, SessionTerminal } from './terminal-session.js';
import { runSession } from './terminal-session.js';

export interface TerminalUse {
  readonly input: StandardInput | undefined;
  readonly tty: boolean;
  /** Raw bytes. */
  readonly detachKeys: string;
}

/** Connects this program's terminal to the user end of a session. */
function terminalEnds(cli: Cli, use: TerminalUse): SessionTerminal {
  return {
    input: use.input,
    tty: use.tty,
    stdout: (data) => cli.stdout.send(data),
    stderr: (data) => cli.stderr.send(data),
    size: () => ({ columns: cli.stdout.columns, rows: cli.stdout.rows }),
    onResize: (listener) => cli.stdout.onResize(listener),
    detachKeys: Buffer.from(use.detachKeys, 'latin1'),
  };
}

/**
 * Runs a session on this program's terminal. Throws `ExitError` with the interrupt's code if the
 * user ends it.
 */
export async function runOnTerminal(
  cli: Cli,
  stream: MessageStream,
  use: TerminalUse,
): Promise<SessionResult> {
  try {
    return await runSession(stream, terminalEnds(cli, use));
  } catch (error) {
    if (cli.interrupts.signal.aborted) throw new ExitError(interruptedCode);
    throw error;
  }
}
