import type { AuditRecord, AuditOrigin } from '../store/journal.js';
import { sequenceId } from '../store/journal.js';
import type { AuditEntry } from '../common/protocol/control.js';
import type { ClusterStore, Commit, StoreChange, Transaction } from '../store/store.js';
import { describeChange } from './audit-lines.js';
import type { AuditLimits, RecordSize } from './audit-ring.js';
import { AuditRing } from './audit-ring.js';
import { withoutControls } from './audit-target.js';

const limits: AuditLimits = { records: 5_000, bytes: 2 * 1_024 * 1_024 };
const maxLines = 20;
const maxLineLength = 200;

interface NewEntry {
  readonly origin: AuditOrigin;
  /** `ok`, `started` or the kind of the error. */
  readonly result: string;
  readonly changes: readonly string[];
}

/** Selection of audit entries. */
interface AuditQuery {
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  /** Only entries with a higher number. */
  readonly after?: number | undefined;
  /** Only entries of this client. */
  readonly client?: string | undefined;
  /** Keeps the newest entries. */
  readonly limit?: number | undefined;
}

/**
 * Audit trail of the requests of clients. The record of a change is written in the same batch as
 * the change. Beyond the limits, the client with the most records loses its oldest.
 */
export class AuditLog {
  readonly #store: ClusterStore;
  readonly #ring: AuditRing;
  readonly #listeners = new Set<(entry: AuditEntry) => void>();
  #last = 0;
  #ends: (() => void)[] = [];

  constructor(store: ClusterStore, bounds: AuditLimits = limits) {
    this.#store = store;
    this.#ring = new AuditRing(bounds);
  }

  start(): void {
    for (const record of this.#store.view.list('audit')) this.#keep(record);
    this.#ends = [
      this.#store.addBatchHook((commits) => this.#accompany(commits)),
      this.#store.watch((commit) => {
        for (const change of commit.changes) if (change.table === 'audit') this.#note(change);
      }),
    ];
  }

  stop(): void {
    for (const end of this.#ends) end();
  }

  /** Returns the selected entries, oldest first. */
  read(wanted: AuditQuery): readonly AuditEntry[] {
    const { limit = Infinity } = wanted;
    const found = this.#store.view
      .list('audit')
      .map(entryOf)
      .filter((entry) => isSelected(entry, wanted));
    return limit >= found.length ? found : found.slice(found.length - limit);
  }

  /** Calls the listener with every new entry; returns a function that unsubscribes. */
  listen(listener: (entry: AuditEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Records a request that changes no object of the store, or one that failed. */
  async append(origin: AuditOrigin, result: string, changes: readonly string[]): Promise<void> {
    await this.#store.update('control', (tx) => {
      this.#write(tx, [{ origin, result, changes }]);
    });
  }

  #accompany(commits: readonly Commit[]): ((tx: Transaction) => void) | undefined {
    const entries = commits.flatMap(({ origin, changes }) => {
      if (origin === undefined) return [];
      const lines = changes.flatMap((change) => describeChange(change) ?? []);
      return lines.length === 0 ? [] : [{ origin, result: 'ok', changes: lines }];
    });
    if (entries.length === 0) return undefined;
    return (tx) => {
      this.#write(tx, entries);
    };
  }

  #write(tx: Transaction, entries: readonly NewEntry[]): void {
    let number = this.#last;
    // The same batch may already contain notes.
    while (tx.get('audit', sequenceId(number + 1)) !== undefined) number += 1;
    const sizes = entries.map(({ origin, result, changes }) => {
      number += 1;
      const record = tx.create('audit', {
        ...origin,
        action: withoutControls(shortened(origin.action)),
        id: sequenceId(number),
        number,
        at: tx.now,
        result,
        changes: bounded(changes),
      });
      return sizeOf(record);
    });
    for (const id of this.#ring.evictionsFor(sizes)) tx.remove('audit', id);
  }

  #note({ id, after }: Extract<StoreChange, { table: 'audit' }>): void {
    if (after === undefined) {
      this.#ring.remove(id);
      return;
    }
    this.#keep(after);
    for (const listener of this.#listeners) listener(entryOf(after));
  }

  #keep(record: AuditRecord): void {
    this.#ring.add(sizeOf(record));
    this.#last = Math.max(this.#last, record.number);
  }
}

/** Whether a query selects an entry. */
export function isSelected(entry: AuditEntry, wanted: AuditQuery): boolean {
  const { sinceMs = 0, untilMs = Infinity, after = 0, client = entry.who } = wanted;
  const { at, number, who } = entry;
  return at >= sinceMs && at <= untilMs && number > after && who === client;
}

function entryOf(record: AuditRecord): AuditEntry {
  const { number, at, who, role, serial, from, via, action, changes, result = 'ok' } = record;
  return {
    ...{ number, at, who, role },
    ...(serial === undefined ? {} : { serial }),
    ...(from === undefined ? {} : { from }),
    ...(via === undefined ? {} : { via }),
    ...{ action, result, changes },
  };
}

function shortened(line: string): string {
  return line.length > maxLineLength ? `${line.slice(0, maxLineLength - 1)}…` : line;
}

function bounded(lines: readonly string[]): readonly string[] {
  const short = lines.filter((line) => line !== '').map((line) => withoutControls(shortened(line)));
  if (short.length <= maxLines) return short;
  return [...short.slice(0, maxLines), `and ${short.length - maxLines} more`];
}

function sizeOf(record: AuditRecord): RecordSize {
  return { id: record.id, who: record.who, size: JSON.stringify(record).length };
}
