import { encodeStreamFrame, decodeStreamFrame } from '../common/protocol/frames.js';
import type { MessageStream } from '../common/protocol/worker-calls.js';
import type { Terminal } from './response.js';
import { multiplexed } from './translate/multiplex.js';

/** Shell exit code for a command that cannot be executed. */
const cannotExecuteCode = 126;

/**
 * Pipes a client's terminal to a process on a node until the process exits or the client
 * disconnects. Returns the exit code; undefined if the stream ended without one.
 */
export async function pipeTerminal(
  terminal: Terminal,
  process: MessageStream,
  isTty: boolean,
): Promise<number | undefined> {
  const close = (): void => {
    process.close();
  };
  terminal.signal.addEventListener('abort', close, { once: true });
  void forwardInput(terminal, process);
  const write = (stream: 'stdout' | 'stderr', data: Uint8Array): Promise<void> =>
    terminal.send(isTty ? data : multiplexed(stream, data));
  try {
    for await (const message of process) {
      const received = typeof message === 'string' ? undefined : decodeStreamFrame(message);
      if (received?.channel === 'exit') return Number(Buffer.from(received.data).toString());
      if (received?.channel === 'error') {
        await write('stderr', Buffer.concat([received.data, Buffer.from(isTty ? '\r\n' : '\n')]));
        return cannotExecuteCode;
      }
      if (received?.channel === 'stdout' || received?.channel === 'stderr') {
        await write(received.channel, received.data);
      }
    }
    return undefined;
  } finally {
    terminal.signal.removeEventListener('abort', close);
    close();
  }
}

/** Forwards input; an empty stdin frame closes the process's stdin but not its output. */
async function forwardInput(terminal: Terminal, process: MessageStream): Promise<void> {
  try {
    for await (const chunk of terminal.input) {
      if (chunk.length > 0) await process.send(encodeStreamFrame('stdin', chunk));
    }
    await process.send(encodeStreamFrame('stdin', ''));
  } catch {
    // One end has closed; the output direction reports it.
  }
}
