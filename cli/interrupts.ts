/**
 * Ctrl-C and termination as commands see them. Without a handler the first one aborts `signal`, the
 * second calls `giveUp`; a command that has its own way of ending takes them over with `handle`.
 */
export class Interrupts {
  readonly #abort = new AbortController();
  readonly #giveUp: () => void;
  readonly #handlers: (() => void)[] = [];

  constructor(giveUp: () => void) {
    this.#giveUp = giveUp;
  }

  /** Aborted when the command is to end. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Takes interrupts over until the returned function is called. */
  handle(handler: () => void): () => void {
    this.#handlers.push(handler);
    return () => {
      const index = this.#handlers.indexOf(handler);
      if (index >= 0) this.#handlers.splice(index, 1);
    };
  }

  /** Called for each signal that arrives. */
  interrupt(): void {
    const handler = this.#handlers.at(-1);
    if (handler !== undefined) handler();
    else if (this.#abort.signal.aborted) this.#giveUp();
    else this.#abort.abort();
  }
}
