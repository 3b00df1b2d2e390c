import type { Clock } from '../base/clock.js';
import type { ClusterStore, Commit } from '../store/store.js';
import type { StoredEvent } from './cluster-events.js';
import { eventsOf } from './cluster-events.js';

const kept = 10_000;

/** The last events of the cluster, and who listens for more. */
export class EventLog {
  readonly #store: ClusterStore;
  readonly #clock: Clock;
  /** A ring: `#next` is the oldest once it is full. */
  readonly #ring: StoredEvent[] = [];
  #next = 0;
  readonly #listeners = new Set<(event: StoredEvent) => void>();
  #stopWatching: (() => void) | undefined;

  constructor(store: ClusterStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  start(): void {
    this.#stopWatching = this.#store.watch((commit) => {
      this.#note(commit);
    });
  }

  stop(): void {
    this.#stopWatching?.();
  }

  /** Oldest first. */
  since(sinceMs: number): readonly StoredEvent[] {
    const inOrder = [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
    return inOrder.filter((event) => event.at >= sinceMs);
  }

  listen(listener: (event: StoredEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #note(commit: Commit): void {
    for (const change of commit.changes) {
      for (const event of eventsOf(change, this.#store.view)) {
        // A removal carries no time of its own.
        this.#add(change.after === undefined ? { ...event, at: this.#clock.now() } : event);
      }
    }
  }

  #add(event: StoredEvent): void {
    if (this.#ring.length < kept) {
      this.#ring.push(event);
    } else {
      this.#ring[this.#next] = event;
      this.#next = (this.#next + 1) % kept;
    }
    for (const listener of this.#listeners) listener(event);
  }
}
