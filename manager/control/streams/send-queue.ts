import { AppError } from '../../common/base/errors.js';
import type { MessageStream } from '../../common/protocol/worker-calls.js';

/** Largest queue; a slower reader is disconnected to bound memory. */
const maxQueued = { messages: 20_000, bytes: 64 * 1024 * 1024 };

/** Bounded send queue for one client. */
export class SendQueue {
  readonly #stream: MessageStream;
  readonly #limits: typeof maxQueued;
  #queue: string[] = [];
  #bytes = 0;
  #sending: Promise<void> | undefined;
  #failed: AppError | undefined;
  #onFail: (error: AppError) => void = () => undefined;
  readonly failed: Promise<AppError>;

  constructor(stream: MessageStream, limits = maxQueued) {
    this.#stream = stream;
    this.#limits = limits;
    this.failed = new Promise((resolve) => {
      this.#onFail = resolve;
    });
  }

  push(message: unknown): void {
    if (this.#failed !== undefined) return;
    // One message of any size, such as the snapshot of a large cluster, always has room.
    const { messages, bytes } = this.#limits;
    if (this.#queue.length >= messages || this.#bytes >= bytes) {
      this.#fail(
        new AppError(
          'unavailable',
          'stream: client reads too slowly, messages were dropped; reconnect',
        ),
      );
      return;
    }
    const text = JSON.stringify(message);
    this.#queue.push(text);
    this.#bytes += text.length;
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
        this.#bytes -= message.length;
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
