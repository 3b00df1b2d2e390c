import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';

/** After the last event, so that a save or a checkout is one change. */
const quietMs = 200;
/** A stream of events does not put off looking for longer. */
const longestMs = 2_000;
/** Without events too: some file systems have none, and a watched folder may be made anew. */
const lookAnywayMs = 5_000;

/** Says when it is worth to look at the paths again. */
export class Hints {
  readonly #watchers: FSWatcher[] = [];
  #wake: (() => void) | undefined;
  #firstAt = 0;
  #lastAt = 0;

  constructor(paths: readonly string[]) {
    for (const path of new Set(paths)) this.#watch(path);
  }

  /** Resolves when something has changed and it has become quiet, or after a while; at once when aborted. */
  async next(signal: AbortSignal): Promise<void> {
    const until = Date.now() + lookAnywayMs;
    while (!signal.aborted) {
      const now = Date.now();
      const seen = this.#firstAt > 0;
      const due = seen ? Math.min(this.#lastAt + quietMs, this.#firstAt + longestMs) : until;
      if (now >= due) break;
      await this.#pause(due - now, signal);
    }
    this.#firstAt = 0;
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
  }

  #watch(path: string): void {
    try {
      const watcher = watch(path, { recursive: true, persistent: false }, () => {
        const now = Date.now();
        if (this.#firstAt === 0) this.#firstAt = now;
        this.#lastAt = now;
        this.#wake?.();
      });
      // What cannot be watched is looked at from time to time.
      watcher.on('error', () => {
        watcher.close();
      });
      this.#watchers.push(watcher);
    } catch {
      // It is not there yet, or there are too many watches already.
    }
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }
}
