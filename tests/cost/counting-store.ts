import type { ClusterStore } from '../../manager/store/store.js';

/** Number of objects that were read, by the method of the store's view. */
export class ReadCounter {
  readonly #reads = new Map<string, number>();

  get total(): number {
    return [...this.#reads.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Reads since the last call, sorted by method. */
  take(): Readonly<Record<string, number>> {
    const sorted = [...this.#reads].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#reads.clear();
    return Object.fromEntries(sorted);
  }

  add(method: string, count: number): void {
    this.#reads.set(method, (this.#reads.get(method) ?? 0) + count);
  }
}

/** A store that counts the objects which its users read from its view and in transactions. */
export function countingStore(store: ClusterStore, counter: ReadCounter): ClusterStore {
  const view = counting(store.view, counter, '');
  return new Proxy(store, {
    get(target, key) {
      if (key === 'view') return view;
      if (key === 'update') {
        const update: ClusterStore['update'] = (actor, change, origin) =>
          target.update(actor, (tx) => change(counting(tx, counter, '')), origin);
        return update;
      }
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function counting<View extends object>(view: View, counter: ReadCounter, prefix: string): View {
  return new Proxy(view, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      const name = `${prefix}${String(key)}`;
      if (key === 'placement') return counting(value as object, counter, `${name}.`);
      if (typeof value !== 'function') return value;
      return (...args: readonly unknown[]) => {
        const result: unknown = Reflect.apply(value, target, args);
        const table = name === 'list' ? ` ${String(args[0])}` : '';
        counter.add(`${name}${table}`, Array.isArray(result) ? result.length : 1);
        return result;
      };
    },
  });
}
