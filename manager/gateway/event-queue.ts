import { AppError } from '../common/base/errors.js';

/** Largest queue; a slower reader is disconnected to bound memory. */
const maxQueued = 20_000;
const maxQueuedBytes = 16 * 1024 * 1024;

/**
 * Queue of events for one reader. Iteration ends once drained after `end`, on abort, or when the
 * queue is full.
 */
export class EventQueue {
  #queued: string[] = [];
  #bytes = 0;
  #ended = false;
  #wake: () => void = () => undefined;
  #overflow: (error: AppError) => void = () => undefined;
  readonly #signal: AbortSignal;
  /** Rejects with `unavailable` when the queue is full, also while the reader does not read. */
  readonly overflow: Promise<never>;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.overflow = new Promise((_resolve, reject) => (this.#overflow = reject));
    this.overflow.catch(() => undefined);
    signal.addEventListener(
      'abort',
      () => {
        this.#wake();
      },
      { once: true },
    );
  }

  /** Ignored after the end. */
  push(text: string): void {
    if (this.#ended) return;
    this.#queued.push(text);
    this.#bytes += text.length;
    if (this.#queued.length > maxQueued || this.#bytes > maxQueuedBytes) {
      this.#queued = [];
      this.#ended = true;
      this.#overflow(
        new AppError(
          'unavailable',
          'events: client reads too slowly, events were dropped; reconnect with --since',
        ),
      );
    }
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    while (!this.#signal.aborted) {
      const batch = this.#queued;
      this.#queued = [];
      this.#bytes = 0;
      if (batch.length > 0) yield batch.join('');
      else if (this.#ended) return;
      else await this.#waitForEvent();
    }
  }

  #waitForEvent(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#signal.aborted) resolve();
    });
  }
}
