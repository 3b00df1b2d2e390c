import { frame, unframe } from '../common/protocol/frames.js';
import type { MessageStream } from '../common/protocol/worker-calls.js';
import type { Terminal } from './answer.js';
import { multiplexed } from './translate/multiplex.js';

/** The shell's word for a command that could not be run. */
const cannotRun = 126;

/**
 * Joins a client and a process on a node until the process ends or the client goes. Returns the exit code;
 * undefined when it was not heard of.
 */
export async function converse(
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
      const part = typeof message === 'string' ? undefined : unframe(message);
      if (part?.channel === 'exit') return Number(Buffer.from(part.data).toString());
      if (part?.channel === 'error') {
        await write('stderr', Buffer.concat([part.data, Buffer.from(isTty ? '\r\n' : '\n')]));
        return cannotRun;
      }
      if (part?.channel === 'stdout' || part?.channel === 'stderr') {
        await write(part.channel, part.data);
      }
    }
    return undefined;
  } finally {
    terminal.signal.removeEventListener('abort', close);
    close();
  }
}

/** An empty message ends the process's input, not its output. */
async function forwardInput(terminal: Terminal, process: MessageStream): Promise<void> {
  try {
    for await (const chunk of terminal.input) {
      if (chunk.length > 0) await process.send(frame('stdin', chunk));
    }
    await process.send(frame('stdin', ''));
  } catch {
    // Either end has gone, which the other direction tells of.
  }
}
