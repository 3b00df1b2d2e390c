import type { Clock } from '../../manager/common/base/clock.js';
import { AppError } from '../../manager/common/base/errors.js';
import type {
  Connection,
  ConnectionEnd,
} from '../../manager/common/protocol/transport-connection.js';
import type { Tally } from './tally.js';

export interface WireOptions {
  readonly clock: Clock;
  /** Returns a number in [0, 1). */
  readonly random: () => number;
  readonly tally: Tally;
  /** False while packets are lost; messages are resent until the connection is given up. */
  readonly passes: () => boolean;
  readonly onMessage: (text: string) => void;
  /** Called when the worker's end learns that the connection has ended. */
  readonly onEnd: () => void;
}

const resendMs = 200;

/** One direction: ordered, randomly delayed, held back while cut off. */
class Lane {
  readonly #options: Omit<WireOptions, 'onMessage' | 'onEnd'>;
  readonly #deliver: (text: string) => void;
  #queue: string[] = [];
  #busy = false;
  ended = false;

  constructor(options: WireOptions, deliver: (text: string) => void) {
    this.#options = options;
    this.#deliver = deliver;
  }

  push(text: string): void {
    if (this.ended) return;
    this.#queue.push(text);
    if (!this.#busy) this.#later(this.#delay());
  }

  end(): void {
    this.ended = true;
    if (this.#queue.length > 0) this.#options.tally.record('message was lost');
    this.#queue = [];
  }

  #later(delayMs: number): void {
    this.#busy = true;
    this.#options.clock.after(delayMs, () => {
      this.#busy = false;
      if (this.ended) return;
      if (!this.#options.passes()) {
        this.#later(resendMs);
        return;
      }
      const text = this.#queue.shift();
      if (text !== undefined) this.#deliver(text);
      if (this.#queue.length > 0) this.#later(this.#delay());
    });
  }

  /** Usually a few milliseconds, now and then a network stall. */
  #delay(): number {
    const { random, tally } = this.#options;
    if (random() >= 0.03) return 1 + Math.floor(random() * 3);
    tally.record('message stalled');
    return Math.floor(random() * 1_500);
  }
}

/**
 * A session's connection over the virtual network: the manager holds `managerEnd`, a machine the
 * wire.
 */
export class Wire {
  readonly managerEnd: Connection;
  readonly #options: WireOptions;
  readonly #toWorker: Lane;
  readonly #toManager: Lane;
  readonly #inbox: string[] = [];
  #wake: (() => void) | undefined;
  #managerClosed: ConnectionEnd | undefined;
  #workerClosed = false;
  #resolveEnded: (end: ConnectionEnd) => void = () => undefined;

  constructor(options: WireOptions) {
    this.#options = options;
    this.#toWorker = new Lane(options, (text) => {
      options.onMessage(text);
    });
    this.#toManager = new Lane(options, (text) => {
      this.#inbox.push(text);
      this.#wake?.();
    });
    const ended = new Promise<ConnectionEnd>((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.managerEnd = {
      remote: 'simulated',
      ended,
      post: (text) => {
        this.#toWorker.push(text);
      },
      send: (message) => {
        this.#toWorker.push(String(message));
        return Promise.resolve();
      },
      close: (code = 1000, reason = '') => {
        this.#closeManager({ code, reason });
        this.#notifyWorker();
      },
      terminate: () => {
        this.#closeManager({ code: 1006, reason: '' });
      },
      [Symbol.asyncIterator]: () => this.#read(),
    };
  }

  /** Sends a message from the worker to the manager. */
  post(text: string): void {
    this.#toManager.push(text);
  }

  /** The worker's process exits or gives up; the manager learns of it only if packets pass. */
  closeFromWorker(): void {
    this.#workerClosed = true;
    this.#toWorker.end();
    this.#toManager.end();
    this.#options.clock.after(2, () => {
      if (this.#options.passes()) this.#closeManager({ code: 1006, reason: 'gone' });
    });
  }

  /** The machine loses power: no close reaches the manager. */
  vanish(): void {
    this.#workerClosed = true;
    this.#toWorker.end();
    this.#toManager.end();
  }

  #closeManager(end: ConnectionEnd): void {
    if (this.#managerClosed !== undefined) return;
    this.#managerClosed = end;
    this.#toManager.end();
    this.#wake?.();
    this.#resolveEnded(end);
  }

  #notifyWorker(): void {
    this.#toWorker.end();
    const notify = (): void => {
      if (this.#workerClosed) return;
      if (!this.#options.passes()) {
        this.#options.clock.after(resendMs, notify);
        return;
      }
      this.#workerClosed = true;
      this.#options.onEnd();
    };
    this.#options.clock.after(2, notify);
  }

  async *#read(): AsyncGenerator<string> {
    for (;;) {
      const text = this.#inbox.shift();
      if (text !== undefined) yield text;
      else if (this.#managerClosed === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if (this.#managerClosed.code === 1000) return;
      else throw new AppError('unavailable', 'connection was lost');
    }
  }
}
