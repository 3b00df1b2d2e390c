import type { WebSocket } from 'ws';
import { AppError } from '../base/errors.js';
import type { MessageStream } from './worker-calls.js';

/** How a connection ended. Codes are WebSocket's (RFC 6455 §7.4); 1006 is a loss without good-bye. */
export interface ConnectionEnd {
  readonly code: number;
  readonly reason: string;
}

/**
 * One end of a WebSocket. Iterating yields the messages in order and reads no further than the reader
 * follows; it ends after a normal close (1000) and throws `unavailable` after any other. One reader only.
 */
export interface Connection extends MessageStream {
  /** `address:port` of the other end. */
  readonly remote: string;
  /** Resolves when the connection has ended, for whatever reason. */
  readonly ended: Promise<ConnectionEnd>;
  /** Sends without waiting. A peer that reads too slowly for the queue's bound is dropped. */
  post(message: string): void;
  close(code?: number, reason?: string): void;
}

/**
 * `worker`: as a worker watches its manager, so that it reconnects within seconds of a cut being healed.
 * `session`: the peer must be heard of every 15 s. `stream`: the peer may rightly stop reading for long
 * (a pager on a log), so that only the kernel and, after a quarter of an hour, silence end it.
 */
export type KeepAlive = 'worker' | 'session' | 'stream';

const keepAliveTimes = {
  worker: { pingMs: 1_000, deadMs: 3_000, closeMs: 2_000 },
  session: { pingMs: 5_000, deadMs: 15_000, closeMs: 2_000 },
  stream: { pingMs: 30_000, deadMs: 900_000, closeMs: 900_000 },
} as const;

export const maxMessageBytes = 64 * 1024 * 1024;

/** Below this much unsent data `send` returns at once. */
const sendHighWaterBytes = 256 * 1024;
const maxUnsentBytes = 64 * 1024 * 1024;
const receiveHighWaterBytes = 1024 * 1024;
const receiveLowWaterBytes = 256 * 1024;

type Message = string | Uint8Array;

export class SocketConnection implements Connection {
  readonly remote: string;
  readonly ended: Promise<ConnectionEnd>;
  readonly #socket: WebSocket;
  readonly #closeMs: number;
  #queue: Message[] = [];
  #queuedBytes = 0;
  #paused = false;
  #end: ConnectionEnd | undefined;
  /** Why this side gave up, when it did: the socket itself only knows 1006. */
  #gaveUp: string | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: WebSocket, remote: string, keepAlive: KeepAlive) {
    this.#socket = socket;
    this.remote = remote;
    this.#closeMs = keepAliveTimes[keepAlive].closeMs;
    socket.on('message', (data, isBinary) => {
      this.#receive(isBinary ? (data as Buffer) : (data as Buffer).toString('utf8'));
    });
    socket.on('error', (error) => {
      this.#gaveUp ??= error.message;
    });
    const stopPinging = this.#keepAlive(keepAlive);
    this.ended = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        stopPinging();
        this.#end = { code, reason: this.#gaveUp ?? reason.toString('utf8') };
        this.#wake?.();
        resolve(this.#end);
      });
    });
  }

  send(message: Message): Promise<void> {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) return Promise.reject(this.#lost());
    if (this.#tooSlow()) return Promise.reject(this.#lost());
    return new Promise((resolve, reject) => {
      socket.send(message, { binary: typeof message !== 'string' }, (error) => {
        if (error) reject(this.#lost());
        else resolve();
      });
      if (socket.bufferedAmount < sendHighWaterBytes) resolve();
    });
  }

  post(message: string): void {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN || this.#tooSlow()) return;
    socket.send(message, () => undefined);
  }

  close(code = 1000, reason = ''): void {
    // A reason may have 123 bytes (RFC 6455 §5.5).
    this.#socket.close(code, Buffer.from(reason).subarray(0, 120).toString('utf8'));
    this.#resume();
    // A peer that is gone never answers the good-bye.
    setTimeout(() => {
      this.#socket.terminate();
    }, this.#closeMs).unref();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message> {
    try {
      for (;;) {
        const message = this.#queue.shift();
        if (message !== undefined) {
          yield this.#taken(message);
        } else if (this.#end === undefined) {
          await this.#woken();
        } else if (this.#end.code === 1000 || this.#end.code === 1005) {
          return;
        } else {
          throw this.#lost();
        }
      }
    } finally {
      this.#queue = [];
      this.close();
    }
  }

  #taken(message: Message): Message {
    this.#queuedBytes -= message.length;
    if (this.#queuedBytes <= receiveLowWaterBytes) this.#resume();
    return message;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #receive(message: Message): void {
    this.#queue.push(message);
    this.#queuedBytes += message.length;
    const closing = this.#socket.readyState !== this.#socket.OPEN;
    if (this.#queuedBytes > receiveHighWaterBytes && !this.#paused && !closing) {
      this.#paused = true;
      this.#socket.pause();
    }
    this.#wake?.();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  #tooSlow(): boolean {
    if (this.#socket.bufferedAmount <= maxUnsentBytes) return false;
    this.#giveUp('the other end reads too slowly');
    return true;
  }

  #giveUp(reason: string): void {
    this.#gaveUp ??= reason;
    this.#socket.terminate();
  }

  #lost(): AppError {
    const reason = this.#end?.reason ?? this.#gaveUp ?? '';
    const why = reason === '' ? '' : `: ${reason}`;
    return new AppError('unavailable', `connection to ${this.remote} was lost${why}`);
  }

  #keepAlive(kind: KeepAlive): () => void {
    const { pingMs, deadMs } = keepAliveTimes[kind];
    let heardAt = performance.now();
    let tickedAt = heardAt;
    const heard = (): void => {
      heardAt = performance.now();
    };
    for (const event of ['message', 'ping', 'pong'] as const) this.#socket.on(event, heard);
    const timer = setInterval(() => {
      const now = performance.now();
      // Late ticks mean that this process itself stood still: what the peer sent meanwhile is not read yet.
      if (now - tickedAt > 2 * pingMs || this.#paused) heardAt = now;
      tickedAt = now;
      if (now - heardAt > deadMs) this.#giveUp(`no answer for ${deadMs / 1000} s`);
      else if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
    }, pingMs);
    timer.unref();
    return () => {
      clearInterval(timer);
    };
  }
}
