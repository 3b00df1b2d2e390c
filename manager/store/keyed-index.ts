interface Identified {
  readonly id: string;
}

interface Bucket<T> {
  readonly items: Map<string, T>;
  /** Sorted by id; computed lazily, undefined after a change. */
  sorted: readonly T[] | undefined;
}

export function compareById(a: Identified, b: Identified): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

const nothing: readonly never[] = [];

/**
 * Multi-key index: an item is listed under any number of keys. Lists are sorted by id and
 * immutable.
 */
export class KeyedIndex<T extends Identified> {
  readonly #keysOf: (item: T) => readonly string[];
  readonly #buckets = new Map<string, Bucket<T>>();

  constructor(keysOf: (item: T) => readonly string[]) {
    this.#keysOf = keysOf;
  }

  list(key: string): readonly T[] {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return nothing;
    bucket.sorted ??= [...bucket.items.values()].sort(compareById);
    return bucket.sorted;
  }

  change(before: T | undefined, after: T | undefined): void {
    if (before !== undefined) for (const key of this.#keysOf(before)) this.#drop(key, before.id);
    if (after !== undefined) for (const key of this.#keysOf(after)) this.#add(key, after);
  }

  #add(key: string, item: T): void {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      this.#buckets.set(key, { items: new Map([[item.id, item]]), sorted: undefined });
      return;
    }
    bucket.items.set(item.id, item);
    bucket.sorted = undefined;
  }

  #drop(key: string, id: string): void {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return;
    bucket.items.delete(id);
    bucket.sorted = undefined;
    if (bucket.items.size === 0) this.#buckets.delete(key);
  }
}
