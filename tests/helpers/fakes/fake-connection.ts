import type {
  Connection,
  ConnectionEnd,
} from '../../../manager/common/protocol/transport-connection.js';

type Message = string | Uint8Array;

/** A connection without a socket: records what is sent, yields what a test receives on it. */
export class FakeConnection implements Connection {
  readonly remote = '192.0.2.9';
  readonly ended: Promise<ConnectionEnd>;
  /** Posted messages, parsed. */
  readonly posted: { readonly kind: string }[] = [];
  /** Close codes and reasons, `4403 hello must come first`. */
  readonly closes: string[] = [];
  readonly #queue: (Message | Error)[] = [];
  #isEnded = false;
  #wake: () => void = () => undefined;
  #resolveEnd: (end: ConnectionEnd) => void = () => undefined;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#resolveEnd = resolve;
    });
  }

  post(message: string): void {
    this.posted.push(JSON.parse(message) as { readonly kind: string });
  }

  send(message: Message): Promise<void> {
    if (typeof message === 'string') this.post(message);
    return Promise.resolve();
  }

  close(code = 1000, reason = ''): void {
    this.closes.push(`${String(code)} ${reason}`.trim());
    this.#isEnded = true;
    this.#wake();
    this.#resolveEnd({ code, reason });
  }

  terminate(): void {
    this.close(1006, 'terminated');
  }

  /** Delivers a message of the peer; objects become JSON, an error breaks the connection. */
  receive(message: object | string): void {
    const isPlain = typeof message === 'string' || message instanceof Error;
    this.#queue.push(isPlain ? message : JSON.stringify(message));
    this.#wake();
  }

  /** Ends the connection from the peer's side. */
  hangUp(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message> {
    for (;;) {
      const message = this.#queue.shift();
      if (message instanceof Error) throw message;
      if (message !== undefined) yield message;
      else if (this.#isEnded) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
