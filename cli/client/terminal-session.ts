import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import { frame, unframe } from '../../manager/common/protocol/frames.js';
import { AppError } from '../../manager/common/base/errors.js';
import { parseMessage } from './stream.js';

/** The user's end of an exec or attach. */
export interface SessionEnds {
  /** Undefined sends no input. */
  readonly input: NodeJS.ReadStream | undefined;
  readonly stdout: (data: Uint8Array) => void;
  readonly stderr: (data: Uint8Array) => void;
  /** Raw mode and the terminal's size are passed on. */
  readonly tty: boolean;
  readonly size: () => { readonly columns: number; readonly rows: number };
  /** Calls back when the size has changed; returns the way to end that. */
  readonly onResize: (listener: () => void) => () => void;
  /** Bytes that end the session and leave the process alone; empty when there are none. */
  readonly detachKeys: Uint8Array;
}

/** How a session ended. `code` is undefined when the other end said none. */
export type SessionEnd =
  { readonly kind: 'exited'; readonly code: number | undefined } | { readonly kind: 'detached' };

/**
 * Joins the user's terminal to a process in a container until it ends. The terminal is put back as it was,
 * whatever happens.
 */
export async function runSession(stream: MessageStream, ends: SessionEnds): Promise<SessionEnd> {
  const detached = { seen: false };
  const stopInput = ends.input === undefined ? () => undefined : pump(stream, ends, detached);
  const stopSize = ends.tty ? passSize(stream, ends) : () => undefined;
  try {
    const code = await receive(stream, ends);
    return detached.seen ? { kind: 'detached' } : { kind: 'exited', code };
  } finally {
    stopSize();
    stopInput();
    stream.close();
  }
}

async function receive(stream: MessageStream, ends: SessionEnds): Promise<number | undefined> {
  for await (const message of stream) {
    if (typeof message === 'string') {
      parseMessage(message);
      continue;
    }
    const framed = unframe(message);
    if (framed === undefined) continue;
    const { channel, data } = framed;
    if (channel === 'stdout') ends.stdout(data);
    else if (channel === 'stderr') ends.stderr(data);
    else if (channel === 'exit') return Number(Buffer.from(data).toString());
    else if (channel === 'error') {
      throw new AppError('unavailable', Buffer.from(data).toString());
    }
  }
  return undefined;
}

function passSize(stream: MessageStream, ends: SessionEnds): () => void {
  const send = (): void => {
    // A lost size is of no matter: the next one comes with the next change.
    stream.send(JSON.stringify(ends.size())).catch(() => undefined);
  };
  send();
  return ends.onResize(send);
}

/** Sends what is typed; the sender's back-pressure pauses the terminal. */
function pump(stream: MessageStream, ends: SessionEnds, detached: { seen: boolean }): () => void {
  const { input } = ends;
  if (input === undefined) return () => undefined;
  const raw = ends.tty && input.isTTY;
  const keys = new DetachKeys(ends.detachKeys);
  const lost = (): void => undefined;
  const onData = (chunk: Buffer): void => {
    const { data, detach } = keys.take(chunk);
    input.pause();
    stream.send(frame('stdin', data)).then(() => input.resume(), lost);
    if (detach) {
      detached.seen = true;
      stream.close();
    }
  };
  const onEnd = (): void => {
    stream.send(frame('stdin', '')).catch(lost);
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

/** Finds a sequence of keys in what is typed, also when it comes in pieces; it is not passed on. */
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
