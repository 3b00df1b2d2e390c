import type { Clock } from './clock.js';
import type { Logger } from './log.js';
import { ReconcileLoop } from './loop.js';

/** Change feed of the observed state, e.g. a store. `watch` returns the unsubscribe function. */
export interface ChangeFeed<Event> {
  watch(listener: (event: Event) => void): () => void;
}

export interface KeyedLoopOptions<Key, Event> {
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * One pass over the keys marked since the last pass, never empty. If it throws, the keys are
   * restored and the pass is retried with back-off.
   */
  readonly reconcile: (keys: ReadonlySet<Key>, signal: AbortSignal) => Promise<void>;
  /** Feed whose events mark keys while the loop runs. */
  readonly feed?: {
    readonly source: ChangeFeed<Event>;
    /** Keys that an event may concern. */
    readonly affected: (event: Event) => Iterable<Key>;
  };
  /**
   * Full resync at start and every `everyMs`, however busy the loop is: marks all keys, which
   * repairs the effects of missed events.
   */
  readonly resync: { readonly everyMs: number; readonly keys: () => Iterable<Key> };
  /** Debounce: ms to collect keys before a pass. */
  readonly debounceMs?: number;
}

/**
 * Reconcile loop over dirty keys, e.g. object ids. Guarantees that every marked key is passed to a
 * successful pass that starts after the mark. Passes never overlap. A key is held once however
 * often it is marked, so that memory is bounded by the number of objects.
 */
export class KeyedLoop<Key, Event = never> {
  readonly #options: KeyedLoopOptions<Key, Event>;
  readonly #loop: ReconcileLoop;
  #dirty = new Set<Key>();
  readonly #timers = new Map<Key, () => void>();
  #cancelResync: (() => void) | undefined;
  #unwatch: (() => void) | undefined;
  #stopped = false;

  constructor(options: KeyedLoopOptions<Key, Event>) {
    this.#options = options;
    const { name, clock, log, debounceMs } = options;
    this.#loop = new ReconcileLoop({
      name,
      clock,
      log,
      reconcile: (signal) => this.#pass(signal),
      ...(debounceMs === undefined ? {} : { debounceMs }),
    });
  }

  start(): void {
    const { feed } = this.#options;
    this.#unwatch = feed?.source.watch((event) => {
      this.mark(feed.affected(event));
    });
    this.#resync();
  }

  /** Queues keys for the next pass. */
  mark(keys: Iterable<Key>): void {
    if (this.#stopped) return;
    for (const key of keys) this.#dirty.add(key);
    if (this.#dirty.size > 0) this.#loop.trigger();
  }

  /** Marks the key in `delayMs`. Replaces its earlier timer; undefined only cancels that one. */
  markAfter(key: Key, delayMs: number | undefined): void {
    this.#timers.get(key)?.();
    this.#timers.delete(key);
    if (delayMs === undefined || this.#stopped) return;
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#timers.delete(key);
      this.mark([key]);
    });
    this.#timers.set(key, cancel);
  }

  /** Stops the loop; resolves once the running pass has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unwatch?.();
    this.#cancelResync?.();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    await this.#loop.stop();
  }

  #resync(): void {
    const { clock, resync } = this.#options;
    this.#cancelResync = clock.after(resync.everyMs, () => {
      this.#resync();
    });
    this.mark(resync.keys());
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const keys = this.#dirty;
    if (keys.size === 0) return;
    this.#dirty = new Set();
    try {
      await this.#options.reconcile(keys, signal);
    } catch (error) {
      for (const key of keys) this.#dirty.add(key);
      throw error;
    }
  }
}
