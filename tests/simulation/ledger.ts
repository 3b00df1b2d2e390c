import type { StoreBackend, DurableWrite } from '../../manager/store/backend.js';

type Records = Awaited<ReturnType<StoreBackend['load']>>;

/**
 * Records every write that a store has acknowledged, by any manager, and compares each load with
 * it: an acknowledged write must be neither missing nor changed, and a batch in flight must be
 * complete or absent.
 */
export class Ledger {
  readonly #onViolation: (message: string) => void;
  #acknowledged = new Map<string, string>();
  /** Batches in flight: sent, outcome unknown. */
  #open: ReadonlyMap<string, string | undefined>[] = [];

  constructor(onViolation: (message: string) => void) {
    this.#onViolation = onViolation;
  }

  /** Wraps a backend and records everything that passes through it. */
  watch(backend: StoreBackend): StoreBackend {
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
      const present = [...batch].filter(([key, text]) => found.get(key) === text);
      const fresh = [...batch].filter(([key, text]) => expected.get(key) !== text);
      const applied = present.filter(([key]) => fresh.some(([other]) => other === key));
      if (applied.length === 0) continue;
      if (applied.length < fresh.length && this.#open.length === 1) {
        this.#onViolation(`${applied.length} of ${fresh.length} writes of one batch are there`);
      }
      for (const [key, text] of applied) {
        if (text === undefined) expected.delete(key);
        else expected.set(key, text);
      }
    }
    for (const [key, text] of expected) {
      if (found.get(key) === text) continue;
      this.#onViolation(`${key} was acknowledged and is ${found.has(key) ? 'changed' : 'missing'}`);
    }
    for (const key of found.keys()) {
      if (!expected.has(key)) this.#onViolation(`${key} is there and was never acknowledged`);
    }
    // A load fences off every other writer, so the records may no longer change by themselves.
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
