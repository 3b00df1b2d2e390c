import type { Clock } from '../common/base/clock.js';
import type { Logger } from '../common/base/log.js';
import { messageOf } from '../common/base/errors.js';
import type { EventRecord, RecordedEvent } from '../store/journal.js';
import { sequenceId } from '../store/journal.js';
import type { ClusterEvent } from '../common/protocol/control.js';
import type { ClusterStore, Commit, Transaction } from '../store/store.js';
import { toClusterEvents } from './cluster-events.js';

export interface EventLimits {
  readonly events: number;
  /** Total length of the records' JSON. */
  readonly bytes: number;
}

const limits: EventLimits = { events: 10_000, bytes: 4 * 1_024 * 1_024 };
/** Events of non-durable changes wait this long for a durable batch to be written with. */
const flushMs = 200;

interface KeptRecord {
  readonly id: EventRecord['id'];
  readonly events: readonly ClusterEvent[];
  readonly projects: readonly string[];
  readonly marks: readonly (readonly [string, string])[];
  readonly bytes: number;
}

/** An event and its project. */
export type ProjectEvent = readonly [event: ClusterEvent, project: string];

/**
 * Ring buffer of the cluster's events in the store, with live listeners. An event is written in the
 * same batch as its change and published once that batch is durable, so a client can resume after
 * its number at any later leader. Events have a mark: states that workers report again to a new
 * leader are recognized by it and dropped.
 */
export class EventLog {
  readonly #store: ClusterStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #limits: EventLimits;
  #kept: KeptRecord[] = [];
  #count = 0;
  #bytes = 0;
  #last = 0;
  #pending: readonly RecordedEvent[] = [];
  /** The last mark per container and kind of event. */
  readonly #marks = new Map<string, string>();
  readonly #listeners = new Set<(told: ProjectEvent) => void>();
  #ends: (() => void)[] = [];
  #stopped = false;
  #cancelFlush: (() => void) | undefined;

  constructor(
    options: { readonly store: ClusterStore; readonly clock: Clock; readonly log: Logger },
    bounds: EventLimits = limits,
  ) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#limits = bounds;
  }

  start(): void {
    for (const record of this.#store.view.list('events')) this.#keep(record);
    this.#ends = [
      this.#store.addBatchHook((commits, isDurable) => this.#accompany(commits, isDurable)),
      this.#store.watch((commit) => {
        this.#publish(commit);
      }),
    ];
  }

  stop(): void {
    this.#stopped = true;
    for (const end of this.#ends) end();
    this.#cancelFlush?.();
  }

  /** Returns events since a time (ms) or after a number, oldest first. */
  read(from: { readonly sinceMs: number } | { readonly after: number }): readonly ProjectEvent[] {
    const wanted = ({ at, number }: ClusterEvent): boolean =>
      'after' in from ? number > from.after : at >= from.sinceMs;
    return this.#kept.flatMap(({ events, projects }) =>
      events
        .map((event, at): ProjectEvent => [event, projects[at] ?? ''])
        .filter(([event]) => wanted(event)),
    );
  }

  listen(listener: (told: ProjectEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #accompany(
    commits: readonly Commit[],
    isDurable: boolean,
  ): ((tx: Transaction) => void) | undefined {
    const fresh = commits.flatMap((commit) => this.#eventsOf(commit));
    if (!isDurable) {
      // A batch without durable changes is not written to the backend, so it cannot fail.
      this.#pending = [...this.#pending, ...fresh];
      if (this.#pending.length > 0) this.#flushSoon();
      return undefined;
    }
    const events = [...this.#pending, ...fresh];
    return events.length === 0
      ? undefined
      : (tx) => {
          this.#write(tx, events);
        };
  }

  #eventsOf({ changes }: Commit): readonly RecordedEvent[] {
    return changes
      .flatMap((change) =>
        // A removal has no timestamp of its own.
        toClusterEvents(change, this.#store.view).map((event) =>
          change.after === undefined ? { ...event, at: this.#clock.now() } : event,
        ),
      )
      .filter((event) => event.mark === undefined || this.#marks.get(keyOf(event)) !== event.mark);
  }

  #flushSoon(): void {
    if (this.#stopped) return;
    this.#cancelFlush ??= this.#clock.after(flushMs, () => {
      this.#cancelFlush = undefined;
      if (this.#pending.length === 0) return;
      this.#store
        .update('control', (tx) => {
          this.#write(tx, this.#pending);
        })
        .catch((error: unknown) => {
          // After a stop the events are lost here; workers report their states again to the next
          // leader.
          if (this.#stopped) return;
          this.#log.warn(`events: cannot be stored, retrying: ${messageOf(error)}`);
          this.#flushSoon();
        });
    });
  }

  #write(tx: Transaction, events: readonly RecordedEvent[]): void {
    let first = this.#last + 1;
    // Pending events may already be in this batch.
    const written = new Set<RecordedEvent>();
    for (let known = tx.get('events', sequenceId(first)); known !== undefined;) {
      for (const event of known.events) written.add(event);
      first += known.events.length;
      known = tx.get('events', sequenceId(first));
    }
    const rest = events.filter((event) => !written.has(event));
    if (rest.length === 0) return;
    tx.create('events', { id: sequenceId(first), first, events: rest });
    let [count, bytes] = [this.#count + rest.length, this.#bytes + sizeOf(rest)];
    for (const old of this.#kept) {
      if (count <= this.#limits.events && bytes <= this.#limits.bytes) break;
      tx.remove('events', old.id);
      count -= old.events.length;
      bytes -= old.bytes;
    }
  }

  #publish(commit: Commit): void {
    for (const change of commit.changes) {
      if (change.table !== 'events') continue;
      if (change.after === undefined) {
        this.#forget(change.id);
        continue;
      }
      const written = new Set(change.after.events);
      this.#pending = this.#pending.filter((event) => !written.has(event));
      const { events, projects } = this.#keep(change.after);
      for (const [at, event] of events.entries()) {
        for (const listener of this.#listeners) listener([event, projects[at] ?? '']);
      }
    }
  }

  #keep(record: EventRecord): KeptRecord {
    const kept: KeptRecord = {
      id: record.id,
      events: record.events.map(({ project: _project, mark: _mark, ...event }, at) => ({
        number: record.first + at,
        ...event,
      })),
      projects: record.events.map(({ project }) => project),
      marks: record.events.flatMap((event) =>
        event.mark === undefined ? [] : [[keyOf(event), event.mark] as const],
      ),
      bytes: sizeOf(record.events),
    };
    this.#kept.push(kept);
    this.#count += kept.events.length;
    this.#bytes += kept.bytes;
    this.#last = record.first + record.events.length - 1;
    for (const [key, mark] of kept.marks) this.#marks.set(key, mark);
    return kept;
  }

  #forget(id: string): void {
    const kept = this.#kept.find((each) => each.id === id);
    if (kept === undefined) return;
    this.#kept = this.#kept.filter((each) => each !== kept);
    this.#count -= kept.events.length;
    this.#bytes -= kept.bytes;
    for (const [key, mark] of kept.marks) {
      if (this.#marks.get(key) === mark) this.#marks.delete(key);
    }
  }
}

function keyOf({ id, action }: RecordedEvent): string {
  const kind = action.endsWith('pause') ? 'pause' : action.split(':')[0];
  return `${id} ${kind ?? ''}`;
}

function sizeOf(events: readonly RecordedEvent[]): number {
  return JSON.stringify(events).length;
}
