interface Identified {
  readonly id: string;
}

/** Items of a key that has had several. */
class Bucket<T extends Identified> {
  readonly items: Map<string, T>;
  /** Sorted by id; computed lazily, undefined after a change. */
  sorted: readonly T[] | undefined;

  constructor(first: T) {
    this.items = new Map([[first.id, first]]);
  }
}

export function compareById(a: Identified, b: Identified): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

const nothing: readonly never[] = [];

/**
 * Multi-key index: an item is listed under any number of keys. Lists are sorted by id and
 * immutable. The only item of a key, such as a container's id, takes no bucket: there may be a
 * million of such keys.
 */
export class KeyedIndex<T extends Identified> {
  readonly #keysOf: (item: T) => readonly string[];
  readonly #held = new Map<string, readonly [T] | Bucket<T>>();

  constructor(keysOf: (item: T) => readonly string[]) {
    this.#keysOf = keysOf;
  }

  list(key: string): readonly T[] {
    const held = this.#held.get(key);
    if (held === undefined) return nothing;
    if (!(held instanceof Bucket)) return held;
    held.sorted ??= [...held.items.values()].sort(compareById);
    return held.sorted;
  }

  has(key: string): boolean {
    return this.#held.has(key);
  }

  change(before: T | undefined, after: T | undefined): void {
    if (before !== undefined) for (const key of this.#keysOf(before)) this.#drop(key, before.id);
    if (after !== undefined) for (const key of this.#keysOf(after)) this.#add(key, after);
  }

  #add(key: string, item: T): void {
    const held = this.#held.get(key);
    if (held === undefined || (!(held instanceof Bucket) && held[0].id === item.id)) {
      this.#held.set(key, [item]);
      return;
    }
    const bucket = held instanceof Bucket ? held : new Bucket(held[0]);
    bucket.items.set(item.id, item);
    bucket.sorted = undefined;
    if (bucket !== held) this.#held.set(key, bucket);
  }

  #drop(key: string, id: string): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    if (!(held instanceof Bucket)) {
      if (held[0].id === id) this.#held.delete(key);
      return;
    }
    held.items.delete(id);
    held.sorted = undefined;
    if (held.items.size === 0) this.#held.delete(key);
  }
}
