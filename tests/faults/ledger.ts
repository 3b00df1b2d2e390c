/** The last acknowledged value of a name and the requests in flight. */
interface Entry {
  acknowledged: string | undefined;
  /** Requests without an answer: each may have been applied, then or later. */
  readonly open: Set<string>;
}

/** The requests of one user by name, sent one after the other, and their acknowledgements. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  #acknowledgements = 0;

  get acknowledgements(): number {
    return this.#acknowledgements;
  }

  /** Records a value that existed before. */
  found(name: string, value: string): void {
    this.#entry(name).acknowledged = value;
  }

  ask(name: string, value: string): void {
    this.#entry(name).open.add(value);
  }

  acknowledge(name: string, value: string): void {
    const entry = this.#entry(name);
    entry.open.delete(value);
    entry.acknowledged = value;
    this.#acknowledgements += 1;
  }

  /** Acknowledged values that the cluster has lost, given its current values. */
  lost(now: ReadonlyMap<string, string>): readonly string[] {
    return [...this.#entries].flatMap(([name, { acknowledged, open }]) => {
      const value = now.get(name);
      if (value === acknowledged || (value !== undefined && open.has(value))) return [];
      return [`${name} is ${value ?? 'missing'}, acknowledged was ${acknowledged ?? 'nothing'}`];
    });
  }

  #entry(name: string): Entry {
    const found = this.#entries.get(name);
    if (found !== undefined) return found;
    const entry: Entry = { acknowledged: undefined, open: new Set() };
    this.#entries.set(name, entry);
    return entry;
  }
}
