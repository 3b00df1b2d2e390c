import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { AppError } from '../../manager/common/base/errors.js';

/** Standard input. Its `isTTY` is undefined, contrary to Node's types, without a terminal. */
export type StandardInput = Omit<NodeJS.ReadStream, 'isTTY'> & { readonly isTTY?: boolean };

/**
 * An output stream, reduced to the operations of commands, so that tests can capture the output.
 */
export interface TextSink {
  /** Queues short output; the program flushes it before it exits. */
  write(data: string | Uint8Array): void;
  /**
   * Writes and resolves once the reader takes more. Output of unknown length awaits it, so that a
   * stopped reader stops the command. Rejects with `cancelled` if the command is interrupted.
   */
  send(data: string | Uint8Array): Promise<void>;
  readonly isTTY: boolean;
  /** Width of the terminal; 80 without a terminal. */
  readonly columns: number;
  readonly rows: number;
  /**
   * Registers a listener for changes of the terminal's size; returns the function that removes it.
   */
  onResize(listener: () => void): () => void;
}

export function sinkOf(stream: NodeJS.WriteStream, interrupted: AbortSignal): TextSink {
  return {
    write: (data) => void stream.write(data),
    send: (data) => sendTo(stream, data, interrupted),
    // Undefined if the stream is not a terminal, contrary to its type.
    get isTTY() {
      return (stream.isTTY as boolean | undefined) === true;
    },
    get columns() {
      return (stream.columns as number | undefined) ?? 80;
    },
    get rows() {
      return (stream.rows as number | undefined) ?? 24;
    },
    onResize: (listener) => {
      stream.on('resize', listener);
      return () => {
        stream.off('resize', listener);
      };
    },
  };
}

async function sendTo(
  stream: Writable,
  data: string | Uint8Array,
  interrupted: AbortSignal,
): Promise<void> {
  if (stream.write(data)) return;
  try {
    await once(stream, 'drain', { signal: interrupted });
  } catch (error) {
    if (interrupted.aborted) throw new AppError('cancelled', 'interrupted', { cause: error });
    throw error;
  }
}

/**
 * Resolves when the operating system has taken everything written to the stream. Rejects with the
 * stream's error if it has failed.
 */
export function flush(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write('', (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

export type AnsiMode = 'auto' | 'never' | 'always';

/**
 * Decides on colours: --ansi, then NO_COLOR (https://no-color.org), then whether it is a terminal.
 */
export function useColor(ansi: AnsiMode, env: NodeJS.ProcessEnv, sink: TextSink): boolean {
  if (ansi !== 'auto') return ansi === 'always';
  const noColor = env.NO_COLOR;
  if (noColor !== undefined && noColor !== '') return false;
  return sink.isTTY && env.TERM !== 'dumb';
}
