/**
 * Delivers SIGINT, SIGTERM and SIGHUP to commands. Without a handler the first signal aborts
 * `signal` and the second calls `giveUp`; a command with its own shutdown takes the signals over
 * with `handle`.
 */
export class Interrupts {
  readonly #abort = new AbortController();
  readonly #giveUp: () => void;
  readonly #handlers: (() => void)[] = [];

  constructor(giveUp: () => void) {
    this.#giveUp = giveUp;
  }

  /** Aborted by the first signal that no handler takes. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Routes signals to `handler` until the returned function is called; the newest handler wins. */
  handle(handler: () => void): () => void {
    this.#handlers.push(handler);
    return () => {
      const index = this.#handlers.indexOf(handler);
      if (index >= 0) this.#handlers.splice(index, 1);
    };
  }

  /** Handles one received signal. */
  interrupt(): void {
    const handler = this.#handlers.at(-1);
    if (handler !== undefined) handler();
    else if (this.#abort.signal.aborted) this.#giveUp();
    else this.#abort.abort();
  }
}
