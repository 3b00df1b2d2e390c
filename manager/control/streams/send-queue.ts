import { AppError } from '../../common/base/errors.js';
import type { MessageStream } from '../../common/protocol/worker-calls.js';

/** Longest queue, in messages; a slower reader is disconnected to bound memory. */
const maxQueued = 20_000;

/** Bounded send queue for one client. */
export class SendQueue {
  readonly #stream: MessageStream;
  #queue: string[] = [];
  #sending: Promise<void> | undefined;
  #failed: AppError | undefined;
  #onFail: (error: AppError) => void = () => undefined;
  readonly failed: Promise<AppError>;

  constructor(stream: MessageStream) {
    this.#stream = stream;
    this.failed = new Promise((resolve) => {
      this.#onFail = resolve;
    });
  }

  push(message: unknown): void {
    if (this.#failed !== undefined) return;
    if (this.#queue.length >= maxQueued) {
      this.#fail(
        new AppError(
          'unavailable',
          'stream: client reads too slowly, messages were dropped; reconnect',
        ),
      );
      return;
    }
    this.#queue.push(JSON.stringify(message));
    this.#sending ??= this.#send();
  }

  /** Resolves when all pushed messages are sent. */
  async drained(): Promise<void> {
    await this.#sending;
  }

  async #send(): Promise<void> {
    try {
      for (;;) {
        const message = this.#queue.shift();
        if (message === undefined) return;
        await this.#stream.send(message);
      }
    } catch {
      this.#fail(new AppError('unavailable', 'stream: client disconnected'));
    } finally {
      this.#sending = undefined;
    }
  }

  #fail(error: AppError): void {
    this.#failed = error;
    this.#queue = [];
    this.#onFail(error);
  }
}
