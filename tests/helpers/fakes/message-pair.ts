import type { MessageStream } from '../../../manager/common/protocol/worker-calls.js';

type Message = string | Uint8Array;

class End implements MessageStream {
  readonly #queue: Message[] = [];
  #closed = false;
  #wake: () => void = () => undefined;
  other: End | undefined;

  async send(message: Message): Promise<void> {
    if (this.#closed) throw new Error('the connection is closed');
    this.other?.take(message);
    await Promise.resolve();
  }

  take(message: Message): void {
    this.#queue.push(message);
    this.#wake();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake();
    this.other?.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message> {
    for (;;) {
      const message = this.#queue.shift();
      if (message !== undefined) {
        yield message;
      } else if (this.#closed) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** The two ends of an in-memory connection. */
export function messagePair(): readonly [MessageStream, MessageStream] {
  const near = new End();
  const far = new End();
  near.other = far;
  far.other = near;
  return [near, far];
}
