/** Counts the holders of each key. */
export class RefCount<Key> {
  readonly #counts = new Map<Key, number>();

  has(key: Key): boolean {
    return this.#counts.has(key);
  }

  /** True for the first holder. */
  add(key: Key): boolean {
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    return count === 0;
  }

  /** True when the last holder let go. */
  drop(key: Key): boolean {
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) {
      this.#counts.set(key, count - 1);
      return false;
    }
    return this.#counts.delete(key);
  }

  keys(): IterableIterator<Key> {
    return this.#counts.keys();
  }
}
