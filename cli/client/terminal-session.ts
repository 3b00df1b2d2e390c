import type { StandardInput } from '../output/terminal.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import { encodeStreamFrame, decodeStreamFrame } from '../../manager/common/protocol/frames.js';
import { AppError } from '../../manager/common/base/errors.js';
import { parseMessage } from './stream.js';

/** The local end of an exec or attach session. */
export interface SessionTerminal {
  /** Undefined if the session sends no input. */
  readonly input: StandardInput | undefined;
  /** Resolves when the next data may be written; the session stops reading until then. */
  readonly stdout: (data: Uint8Array) => Promise<void>;
  readonly stderr: (data: Uint8Array) => Promise<void>;
  /** Puts the input into raw mode and forwards the terminal's size. */
  readonly tty: boolean;
  readonly size: () => { readonly columns: number; readonly rows: number };
  /** Registers a listener for changes of size; returns the function that removes it. */
  readonly onResize: (listener: () => void) => () => void;
  /** Byte sequence that ends the session without stopping the process; empty to disable. */
  readonly detachKeys: Uint8Array;
}

export type SessionResult =
  { readonly kind: 'exited'; readonly code: number } | { readonly kind: 'detached' };

/**
 * Connects the user's terminal to a process in a container until the process exits or the user
 * detaches. Always restores the terminal's mode. Throws `unavailable` with the error that the peer
 * reports, or if the stream ends before the exit code: output may then be incomplete.
 */
export async function runSession(
  stream: MessageStream,
  ends: SessionTerminal,
): Promise<SessionResult> {
  const detached = { seen: false };
  const stopInput =
    ends.input === undefined ? () => undefined : forwardInput(stream, ends, detached);
  const stopSize = ends.tty ? forwardSize(stream, ends) : () => undefined;
  try {
    const code = await receive(stream, ends);
    if (detached.seen) return { kind: 'detached' };
    if (code !== undefined) return { kind: 'exited', code };
    throw new AppError(
      'unavailable',
      'session: connection closed before the exit code arrived; output may be incomplete',
    );
  } finally {
    stopSize();
    stopInput();
    stream.close();
  }
}

async function receive(stream: MessageStream, ends: SessionTerminal): Promise<number | undefined> {
  for await (const message of stream) {
    if (typeof message === 'string') {
      parseMessage(message);
      continue;
    }
    const framed = decodeStreamFrame(message);
    if (framed === undefined) continue;
    const { channel, data } = framed;
    if (channel === 'stdout') await ends.stdout(data);
    else if (channel === 'stderr') await ends.stderr(data);
    else if (channel === 'exit') return Number(Buffer.from(data).toString());
    else if (channel === 'error') {
      throw new AppError('unavailable', Buffer.from(data).toString());
    }
  }
  return undefined;
}

function forwardSize(stream: MessageStream, ends: SessionTerminal): () => void {
  const send = (): void => {
    // A lost size does not matter: every change sends the size again.
    stream.send(JSON.stringify(ends.size())).catch(() => undefined);
  };
  send();
  return ends.onResize(send);
}

/** Sends keyboard input; back-pressure of the stream pauses the terminal. */
function forwardInput(
  stream: MessageStream,
  ends: SessionTerminal,
  detached: { seen: boolean },
): () => void {
  const { input } = ends;
  if (input === undefined) return () => undefined;
  const raw = ends.tty && input.isTTY;
  const keys = new DetachKeys(ends.detachKeys);
  const ignore = (): void => undefined;
  const onData = (chunk: Buffer): void => {
    const { data, detach } = keys.take(chunk);
    input.pause();
    stream.send(encodeStreamFrame('stdin', data)).then(() => input.resume(), ignore);
    if (detach) {
      detached.seen = true;
      stream.close();
    }
  };
  const onEnd = (): void => {
    stream.send(encodeStreamFrame('stdin', '')).catch(ignore);
  };
  if (raw) input.setRawMode(true);
  input.on('data', onData).on('end', onEnd);
  input.resume();
  return () => {
    input.off('data', onData).off('end', onEnd);
    if (raw) input.setRawMode(false);
    input.pause();
  };
}

/**
 * Detects the detach sequence in the input, also across chunks, and withholds it from the process.
 */
export class DetachKeys {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  take(chunk: Uint8Array): { readonly data: Uint8Array; readonly detach: boolean } {
    if (this.#keys.length === 0) return { data: chunk, detach: false };
    const out: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched += 1;
        if (this.#matched === this.#keys.length)
          return { data: Uint8Array.from(out), detach: true };
        continue;
      }
      out.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) out.push(byte);
    }
    return { data: Uint8Array.from(out), detach: false };
  }
}
