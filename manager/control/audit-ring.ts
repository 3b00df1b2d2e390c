/** An audit record as the limits see it. */
export interface RecordSize {
  readonly id: string;
  /** Name of the client whose share the record takes. */
  readonly who: string;
  /** Length of the record's JSON. */
  readonly size: number;
}

/** Limits of the audit log. */
export interface AuditLimits {
  readonly records: number;
  /** Total length of the records' JSON. */
  readonly bytes: number;
}

interface Share {
  /** Weight by id, oldest first. */
  readonly weights: Map<string, number>;
  total: number;
}

/**
 * The audit log as a ring that clients share. Beyond the limit, the client with the largest share
 * loses its oldest record. A client below the limit divided by the number of clients therefore
 * keeps every record, however much the others write.
 */
export class AuditRing {
  readonly #capacity: number;
  /** Weight of a short record: one limit on weight then covers bytes and records. */
  readonly #minimum: number;
  readonly #shares = new Map<string, Share>();
  readonly #owners = new Map<string, string>();
  #total = 0;

  constructor({ records, bytes }: AuditLimits) {
    this.#capacity = bytes;
    this.#minimum = Math.max(1, Math.floor(bytes / records));
  }

  add({ id, who, size }: RecordSize): void {
    this.remove(id);
    const share = this.#shares.get(who) ?? { weights: new Map<string, number>(), total: 0 };
    const weight = this.#weightOf(size);
    share.weights.set(id, weight);
    share.total += weight;
    this.#total += weight;
    this.#shares.set(who, share);
    this.#owners.set(id, who);
  }

  remove(id: string): void {
    const who = this.#owners.get(id);
    const share = who === undefined ? undefined : this.#shares.get(who);
    if (who === undefined || share === undefined) return;
    const weight = share.weights.get(id) ?? 0;
    share.weights.delete(id);
    share.total -= weight;
    this.#total -= weight;
    this.#owners.delete(id);
    if (share.weights.size === 0) this.#shares.delete(who);
  }

  /**
   * The ids to remove so that `added` fits, in order. It changes nothing: `add` and `remove` follow
   * when the transaction is durable.
   */
  evictionsFor(added: readonly RecordSize[]): readonly string[] {
    const totals = new Map([...this.#shares].map(([who, { total }]) => [who, total]));
    let total = this.#total;
    for (const { who, size } of added) {
      totals.set(who, (totals.get(who) ?? 0) + this.#weightOf(size));
      total += this.#weightOf(size);
    }
    const oldest = new Map<string, Iterator<readonly [string, number]>>();
    const evicted: string[] = [];
    while (total > this.#capacity) {
      const [who, share] = largest(totals);
      const records =
        oldest.get(who) ?? (this.#shares.get(who)?.weights ?? new Map<string, number>()).entries();
      oldest.set(who, records);
      const next = records.next();
      // All that remains of the largest share is being added now.
      if (next.done === true) break;
      const [id, weight] = next.value;
      evicted.push(id);
      totals.set(who, share - weight);
      total -= weight;
    }
    return evicted;
  }

  #weightOf(size: number): number {
    return Math.max(size, this.#minimum);
  }
}

function largest(totals: ReadonlyMap<string, number>): readonly [string, number] {
  return [...totals].reduce((a, b) => (b[1] > a[1] ? b : a));
}
