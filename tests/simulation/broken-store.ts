import type { Actor } from '../../manager/common/model/task-state.js';
import type { ClusterStore, Commit, StoreView, Transaction } from '../../manager/store/store.js';

/** What a room sees or writes otherwise than it is; `real` is what there is. */
export type Bend = (real: Transaction) => Partial<Transaction>;

/** The store as one room has it that sees things wrongly, or writes the wrong thing. */
export function bent(store: ClusterStore, bend: Bend): ClusterStore {
  const view = overlay<StoreView>(store.view, bend(store.view as Transaction));
  return overlay(store, {
    view,
    update: (actor, change, origin) =>
      store.update(actor, (tx) => change(overlay(tx, bend(tx))), origin),
  });
}

/** Writes without being held against the rules of the store; `told` gives commits their writer back. */
export class Lawless {
  readonly #writers = new Map<number, Actor>();

  store(store: ClusterStore, bend: Bend): ClusterStore {
    return overlay(bent(store, bend), {
      update: (actor, change) =>
        store.update('restore', (tx) => {
          this.#writers.set(tx.index, actor);
          return change(overlay(tx, bend(tx)));
        }),
    });
  }

  told(commit: Commit): Commit {
    const actor = this.#writers.get(commit.index);
    return actor === undefined ? commit : { ...commit, actor };
  }
}

/** `target` with some of its members replaced. Needed because its own have private fields. */
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
