import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';

/** Debounce after the last event, so that a save or a checkout is one change. */
const debounceMs = 200;
/** Upper limit of the debounce under a constant stream of events. */
const maxDebounceMs = 2_000;
/**
 * Poll interval without events: some file systems send none, and a watched folder may be recreated.
 */
const pollMs = 5_000;

/** Watches paths and signals when they should be scanned again. */
export class PathWatcher {
  readonly #watchers: FSWatcher[] = [];
  #wake: (() => void) | undefined;
  #firstAt = 0;
  #lastAt = 0;

  constructor(paths: readonly string[]) {
    for (const path of new Set(paths)) this.#watch(path);
  }

  /** Resolves after a debounced change, after 5 s without changes, or immediately if aborted. */
  async next(signal: AbortSignal): Promise<void> {
    const pollAt = Date.now() + pollMs;
    while (!signal.aborted) {
      const now = Date.now();
      const seen = this.#firstAt > 0;
      const due = seen
        ? Math.min(this.#lastAt + debounceMs, this.#firstAt + maxDebounceMs)
        : pollAt;
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
      // Paths that cannot be watched are polled.
      watcher.on('error', () => {
        watcher.close();
      });
      this.#watchers.push(watcher);
    } catch {
      // The path does not exist yet, or the limit of inotify watches is reached: polling covers it.
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
