import type { Machine } from '../../fixtures/lab/machine.js';

const pauseMs = 100;

/** Asks again and again, from a container, whether a name leads to something that answers. */
export class ReachWatch {
  readonly #machine: Machine;
  readonly #container: string;
  readonly #name: string;
  #running = true;
  #longestMs = 0;
  readonly #done: Promise<void>;

  constructor(machine: Machine, container: string, name: string) {
    this.#machine = machine;
    this.#container = container;
    this.#name = name;
    this.#done = this.#run();
  }

  /** Ends it. The longest time between two answers, in ms. */
  async stop(): Promise<number> {
    this.#running = false;
    await this.#done;
    return this.#longestMs;
  }

  async #run(): Promise<void> {
    let last = performance.now();
    const ping = ['docker', 'exec', this.#container, 'ping', '-c', '1', '-W', '1', this.#name];
    while (this.#running) {
      const answered = await this.#answers(ping);
      const now = performance.now();
      this.#longestMs = Math.max(this.#longestMs, now - last);
      if (answered) last = now;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #answers(ping: readonly string[]): Promise<boolean> {
    try {
      return (await this.#machine.exec(ping)).exitCode === 0;
    } catch {
      // The machine is off.
      return false;
    }
  }
}
