import type { AuditRecord, AuditOrigin } from '../store/journal.js';
import { sequenceId } from '../store/journal.js';
import type { AuditEntry } from '../common/protocol/control.js';
import type { ClusterStore, Commit, StoreChange, Transaction } from '../store/store.js';
import { describeChange } from './audit-lines.js';

export interface AuditLimits {
  readonly records: number;
  /** Total length of the records' JSON. */
  readonly bytes: number;
}

const limits: AuditLimits = { records: 5_000, bytes: 2 * 1_024 * 1_024 };
const maxLines = 20;
const maxLineLength = 200;

/**
 * Audit trail of changes requested by clients. Each record is written in the same batch as its
 * change. The oldest records are removed beyond the limits.
 */
export class AuditLog {
  readonly #store: ClusterStore;
  readonly #limits: AuditLimits;
  /** Size of each record, oldest first. */
  readonly #sizes = new Map<string, number>();
  #bytes = 0;
  #last = 0;
  #ends: (() => void)[] = [];

  constructor(store: ClusterStore, bounds: AuditLimits = limits) {
    this.#store = store;
    this.#limits = bounds;
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

  /** Returns the entries in the time range, oldest first; `limit` keeps the newest. */
  read(wanted: {
    readonly sinceMs?: number | undefined;
    readonly untilMs?: number | undefined;
    readonly limit?: number | undefined;
  }): readonly AuditEntry[] {
    const { sinceMs = 0, untilMs = Infinity, limit = Infinity } = wanted;
    const found = this.#store.view
      .list('audit')
      .filter(({ at }) => at >= sinceMs && at <= untilMs)
      .map(({ number, at, who, role, action, changes }) => ({
        ...{ number, at, who, role, action, changes },
      }));
    return limit >= found.length ? found : found.slice(found.length - limit);
  }

  /**
   * Records an action that does not change the store, e.g. a command run in a container or a
   * signal.
   */
  async append(origin: AuditOrigin, line: string): Promise<void> {
    await this.#store.update('control', (tx) => {
      this.#write(tx, [{ origin, changes: [line] }]);
    });
  }

  #accompany(commits: readonly Commit[]): ((tx: Transaction) => void) | undefined {
    const entries = commits.flatMap(({ origin, changes }) => {
      if (origin === undefined) return [];
      const lines = changes.flatMap((change) => describeChange(change) ?? []);
      return lines.length === 0 ? [] : [{ origin, changes: lines }];
    });
    if (entries.length === 0) return undefined;
    return (tx) => {
      this.#write(tx, entries);
    };
  }

  #write(
    tx: Transaction,
    entries: readonly { readonly origin: AuditOrigin; readonly changes: readonly string[] }[],
  ): void {
    let number = this.#last;
    // The same batch may already contain notes.
    while (tx.get('audit', sequenceId(number + 1)) !== undefined) number += 1;
    let bytes = this.#bytes;
    for (const { origin, changes } of entries) {
      number += 1;
      const record = tx.create('audit', {
        ...origin,
        id: sequenceId(number),
        number,
        at: tx.now,
        changes: bounded(changes),
      });
      bytes += sizeOf(record);
    }
    let count = this.#sizes.size + entries.length;
    for (const [id, size] of this.#sizes) {
      if (count <= this.#limits.records && bytes <= this.#limits.bytes) break;
      tx.remove('audit', id);
      count -= 1;
      bytes -= size;
    }
  }

  #note({ id, after }: Extract<StoreChange, { table: 'audit' }>): void {
    if (after !== undefined) {
      this.#keep(after);
      return;
    }
    this.#bytes -= this.#sizes.get(id) ?? 0;
    this.#sizes.delete(id);
  }

  #keep(record: AuditRecord): void {
    const size = sizeOf(record);
    this.#sizes.set(record.id, size);
    this.#bytes += size;
    this.#last = Math.max(this.#last, record.number);
  }
}

function bounded(lines: readonly string[]): readonly string[] {
  const short = lines.map((line) =>
    line.length > maxLineLength ? `${line.slice(0, maxLineLength - 1)}…` : line,
  );
  if (short.length <= maxLines) return short;
  return [...short.slice(0, maxLines), `and ${short.length - maxLines} more`];
}

function sizeOf(record: AuditRecord): number {
  return JSON.stringify(record).length;
}
