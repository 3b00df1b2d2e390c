import type { WebSocket } from 'ws';
import { AppError } from '../base/errors.js';
import type { MessageStream } from './worker-calls.js';

/**
 * How a connection ended. WebSocket close codes (RFC 6455 §7.4); 1006 means no close frame was
 * received.
 */
export interface ConnectionEnd {
  readonly code: number;
  readonly reason: string;
}

/**
 * One end of a WebSocket. Iteration yields messages in order and pauses the socket while the reader
 * is behind. It ends after a normal close (1000) and throws `unavailable` after any other. Single
 * reader.
 */
export interface Connection extends MessageStream {
  /** Address of the peer, for messages: `host:port`, or the IP address on the server side. */
  readonly remote: string;
  /** Resolves when the connection has closed; never rejects. */
  readonly ended: Promise<ConnectionEnd>;
  /**
   * Sends without back-pressure. A peer that falls behind the send queue's limit is disconnected.
   */
  post(message: string): void;
  close(code?: number, reason?: string): void;
  /** Drops the connection at once, without the closing handshake. */
  terminate(): void;
}

/**
 * Keep-alive profile. `worker`: a worker's view of its manager; detects a dead peer in 3 s, so the
 * worker reconnects within seconds after a partition heals. `session`: the peer must send something
 * every 15 s. `stream`: the peer may legitimately stop reading (a log in a pager), so only a TCP
 * error or 15 min of silence ends the connection.
 */
export type KeepAliveProfile = 'worker' | 'session' | 'stream';

const keepAliveTimes = {
  worker: { pingMs: 1_000, deadMs: 3_000, closeMs: 2_000 },
  session: { pingMs: 5_000, deadMs: 15_000, closeMs: 2_000 },
  stream: { pingMs: 30_000, deadMs: 900_000, closeMs: 900_000 },
} as const;

export const maxMessageBytes = 64 * 1024 * 1024;

/** `send` resolves immediately while less than this is unsent. */
const sendHighWaterBytes = 256 * 1024;
const maxUnsentBytes = 64 * 1024 * 1024;
const receiveHighWaterBytes = 1024 * 1024;
const receiveLowWaterBytes = 256 * 1024;

type Message = string | Uint8Array;

export class WebSocketConnection implements Connection {
  readonly remote: string;
  readonly ended: Promise<ConnectionEnd>;
  readonly #socket: WebSocket;
  readonly #closeMs: number;
  #queue: Message[] = [];
  #queuedBytes = 0;
  #paused = false;
  #end: ConnectionEnd | undefined;
  /** Reason for a local disconnect; the socket itself only reports code 1006. */
  #failure: string | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: WebSocket, remote: string, keepAlive: KeepAliveProfile) {
    this.#socket = socket;
    this.remote = remote;
    this.#closeMs = keepAliveTimes[keepAlive].closeMs;
    socket.on('message', (data, isBinary) => {
      this.#receive(isBinary ? (data as Buffer) : (data as Buffer).toString('utf8'));
    });
    socket.on('error', (error) => {
      this.#failure ??= error.message;
    });
    const stopPinging = this.#keepAlive(keepAlive);
    this.ended = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        stopPinging();
        this.#end = { code, reason: this.#failure ?? reason.toString('utf8') };
        this.#wake?.();
        resolve(this.#end);
      });
    });
  }

  send(message: Message): Promise<void> {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) return Promise.reject(this.#lost());
    if (this.#isPeerTooSlow()) return Promise.reject(this.#lost());
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
    if (socket.readyState !== socket.OPEN || this.#isPeerTooSlow()) return;
    socket.send(message, () => undefined);
  }

  close(code = 1000, reason = ''): void {
    // RFC 6455 §5.5 limits the reason to 123 bytes.
    this.#socket.close(code, Buffer.from(reason).subarray(0, 120).toString('utf8'));
    this.#resume();
    // A dead peer never answers the close frame.
    setTimeout(() => {
      this.#socket.terminate();
    }, this.#closeMs).unref();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message> {
    try {
      for (;;) {
        const message = this.#queue.shift();
        if (message !== undefined) {
          yield this.#dequeue(message);
        } else if (this.#end === undefined) {
          await this.#wakeUp();
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

  #dequeue(message: Message): Message {
    this.#queuedBytes -= message.length;
    if (this.#queuedBytes <= receiveLowWaterBytes) this.#resume();
    return message;
  }

  #wakeUp(): Promise<void> {
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

  #isPeerTooSlow(): boolean {
    if (this.#socket.bufferedAmount <= maxUnsentBytes) return false;
    this.#giveUp('peer reads too slowly');
    return true;
  }

  #giveUp(reason: string): void {
    this.#failure ??= reason;
    this.#socket.terminate();
  }

  #lost(): AppError {
    const reason = this.#end?.reason ?? this.#failure ?? '';
    const why = reason === '' ? '' : `: ${reason}`;
    return new AppError('unavailable', `connection to ${this.remote} was lost${why}`);
  }

  #keepAlive(kind: KeepAliveProfile): () => void {
    const { pingMs, deadMs } = keepAliveTimes[kind];
    let heardAt = performance.now();
    let tickedAt = heardAt;
    const heard = (): void => {
      heardAt = performance.now();
    };
    for (const event of ['message', 'ping', 'pong'] as const) this.#socket.on(event, heard);
    const timer = setInterval(() => {
      const now = performance.now();
      // A late tick means this process was stalled and has not yet read what the peer sent.
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
