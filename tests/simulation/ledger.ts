import type { Backend, DurableWrite } from '../../manager/store/backend.js';

type Records = Awaited<ReturnType<Backend['load']>>;

/**
 * Remembers what a store has acknowledged, whoever wrote it, and holds every reading of it against that: no
 * acknowledged write is missing or changed, and what was under way is there whole or not at all.
 */
export class Ledger {
  readonly #onViolation: (message: string) => void;
  #acknowledged = new Map<string, string>();
  /** Sent, and nobody was told how it went. */
  #open: ReadonlyMap<string, string | undefined>[] = [];

  constructor(onViolation: (message: string) => void) {
    this.#onViolation = onViolation;
  }

  /** The backend, with everything that goes through it written down. */
  watch(backend: Backend): Backend {
    return {
      name: backend.name,
      ...(backend.lost === undefined ? {} : { lost: backend.lost }),
      load: async () => {
        const records = await backend.load();
        this.#compare(records);
        return records;
      },
      commit: async (writes) => {
        const batch = toBatch(writes);
        this.#open.push(batch);
        await backend.commit(writes);
        this.#open = this.#open.filter((each) => each !== batch);
        for (const [key, text] of batch) {
          if (text === undefined) this.#acknowledged.delete(key);
          else this.#acknowledged.set(key, text);
        }
      },
      close: () => backend.close(),
    };
  }

  #compare(records: Records): void {
    const found = new Map(
      records.map(({ table, value }) => [
        `${table}/${(value as { readonly id: string }).id}`,
        JSON.stringify(value),
      ]),
    );
    const expected = new Map(this.#acknowledged);
    for (const batch of this.#open) {
      const here = [...batch].filter(([key, text]) => found.get(key) === text);
      const fresh = [...batch].filter(([key, text]) => expected.get(key) !== text);
      const told = here.filter(([key]) => fresh.some(([other]) => other === key));
      if (told.length === 0) continue;
      if (told.length < fresh.length && this.#open.length === 1) {
        this.#onViolation(
          `of ${fresh.length} writes that belong together ${told.length} are there`,
        );
      }
      for (const [key, text] of told) {
        if (text === undefined) expected.delete(key);
        else expected.set(key, text);
      }
    }
    for (const [key, text] of expected) {
      if (found.get(key) === text) continue;
      this.#onViolation(
        `${key} was acknowledged and is ${found.has(key) ? 'another one' : 'not there'}`,
      );
    }
    for (const key of found.keys()) {
      if (!expected.has(key)) this.#onViolation(`${key} is there and nobody was told`);
    }
    // Whoever has read it has shut everybody else out: from here on it may not change by itself.
    this.#acknowledged = found;
    this.#open = [];
  }
}

function toBatch(writes: readonly DurableWrite[]): ReadonlyMap<string, string | undefined> {
  return new Map(
    writes.map(({ table, id, value }) => [
      `${table}/${id}`,
      value === undefined ? undefined : JSON.stringify(value),
    ]),
  );
}
