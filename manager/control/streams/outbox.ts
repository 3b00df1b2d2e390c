import { AppError } from '../../common/base/errors.js';
import type { MessageStream } from '../../common/protocol/worker-calls.js';

/** A reader this many messages behind is dropped: memory is not the place to wait for it. */
const maxWaiting = 20_000;

/** Messages for one client, sent as fast as it reads. */
export class Outbox {
  readonly #stream: MessageStream;
  #waiting: string[] = [];
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
    if (this.#waiting.length >= maxWaiting) {
      this.#fail(new AppError('unavailable', 'the client reads too slowly, changes were dropped'));
      return;
    }
    this.#waiting.push(JSON.stringify(message));
    this.#sending ??= this.#send();
  }

  /** Resolves when all that was pushed has left. */
  async drained(): Promise<void> {
    await this.#sending;
  }

  async #send(): Promise<void> {
    try {
      for (;;) {
        const message = this.#waiting.shift();
        if (message === undefined) return;
        await this.#stream.send(message);
      }
    } catch {
      this.#fail(new AppError('unavailable', 'the client has gone'));
    } finally {
      this.#sending = undefined;
    }
  }

  #fail(error: AppError): void {
    this.#failed = error;
    this.#waiting = [];
    this.#onFail(error);
  }
}
