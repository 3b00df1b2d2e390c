/** A value as it was asked for; `acknowledged` once the cluster has said yes. */
interface Entry {
  acknowledged: string | undefined;
  /** Asked for without an answer: each of them may have been taken, then or later. */
  readonly open: Set<string>;
}

/** What one user asked for under some names, one request after the other, and what was acknowledged. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  #acknowledgements = 0;

  get acknowledgements(): number {
    return this.#acknowledgements;
  }

  /** It was there before. */
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

  /** What of it the cluster has lost, given what it says now. */
  lost(now: ReadonlyMap<string, string>): readonly string[] {
    return [...this.#entries].flatMap(([name, { acknowledged, open }]) => {
      const value = now.get(name);
      if (value === acknowledged || (value !== undefined && open.has(value))) return [];
      return [`${name} is ${value ?? 'not there'}, acknowledged was ${acknowledged ?? 'nothing'}`];
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
