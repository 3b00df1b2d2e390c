import type { Actor } from '../../manager/common/model/task-state.js';
import type { ClusterStore, Commit, StoreView, Transaction } from '../../manager/store/store.js';

/**
 * Overrides of what one room reads from or writes to the store; `real` is the actual transaction.
 */
export type StoreOverride = (real: Transaction) => Partial<Transaction>;

/** The store as a faulty room sees it: the override replaces some of its reads and writes. */
export function withOverride(store: ClusterStore, bend: StoreOverride): ClusterStore {
  const view = overlay<StoreView>(store.view, bend(store.view as Transaction));
  return overlay(store, {
    view,
    update: (actor, change, origin) =>
      store.update(actor, (tx) => change(overlay(tx, bend(tx))), origin),
  });
}

/** Writes that skip the store's checks, as actor `restore`; commits get their real actor back. */
export class UncheckedStore {
  readonly #writers = new Map<number, Actor>();

  store(store: ClusterStore, bend: StoreOverride): ClusterStore {
    return overlay(withOverride(store, bend), {
      update: (actor, change) =>
        store.update('restore', (tx) => {
          this.#writers.set(tx.index, actor);
          return change(overlay(tx, bend(tx)));
        }),
    });
  }

  restoreActor(commit: Commit): Commit {
    const actor = this.#writers.get(commit.index);
    return actor === undefined ? commit : { ...commit, actor };
  }
}

/**
 * `target` with some members replaced. Methods stay bound to `target`, whose private fields a copy
 * would lack.
 */
function overlay<Target extends object>(target: Target, changes: Partial<Target>): Target {
  return new Proxy(target, {
    get(_target, key) {
      const changed: unknown = Reflect.get(changes, key);
      if (changed !== undefined) return changed;
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
