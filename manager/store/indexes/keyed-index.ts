interface Identified {
  readonly id: string;
}

/** Ids of a key that has had several. */
class Bucket {
  readonly ids: Set<string>;
  /** Computed lazily, undefined after an id was added or removed. */
  sorted: readonly string[] | undefined;

  constructor(first: string) {
    this.ids = new Set([first]);
  }
}

const nothing: readonly never[] = [];

/**
 * Multi-key index: an item is listed under any number of keys. Lists are sorted by id and
 * immutable. The index holds ids and reads the items from their table, so a change that leaves the
 * keys of an item as they are, as most do, costs nothing. The only id of a key, such as a
 * container's, takes no bucket: there may be a million of such keys.
 */
export class KeyedIndex<T extends Identified> {
  readonly #keysOf: (item: T) => readonly string[];
  readonly #get: (id: string) => T | undefined;
  readonly #held = new Map<string, string | Bucket>();

  /** `get` returns the present item of an id. */
  constructor(keysOf: (item: T) => readonly string[], get: (id: string) => T | undefined) {
    this.#keysOf = keysOf;
    this.#get = get;
  }

  list(key: string): readonly T[] {
    const held = this.#held.get(key);
    if (held === undefined) return nothing;
    const ids = held instanceof Bucket ? (held.sorted ??= [...held.ids].sort()) : [held];
    const items: T[] = [];
    for (const id of ids) {
      const item = this.#get(id);
      if (item !== undefined) items.push(item);
    }
    return items;
  }

  has(key: string): boolean {
    return this.#held.has(key);
  }

  change(before: T | undefined, after: T | undefined): void {
    const old = before === undefined ? nothing : this.#keysOf(before);
    const now = after === undefined ? nothing : this.#keysOf(after);
    if (before !== undefined)
      for (const key of old) if (!now.includes(key)) this.#drop(key, before.id);
    if (after !== undefined)
      for (const key of now) if (!old.includes(key)) this.#add(key, after.id);
  }

  #add(key: string, id: string): void {
    const held = this.#held.get(key);
    if (held === undefined || held === id) {
      this.#held.set(key, id);
      return;
    }
    const bucket = held instanceof Bucket ? held : new Bucket(held);
    bucket.ids.add(id);
    bucket.sorted = undefined;
    if (bucket !== held) this.#held.set(key, bucket);
  }

  #drop(key: string, id: string): void {
    const held = this.#held.get(key);
    if (!(held instanceof Bucket)) {
      if (held === id) this.#held.delete(key);
      return;
    }
    held.ids.delete(id);
    held.sorted = undefined;
    if (held.ids.size === 0) this.#held.delete(key);
  }
}
