import type { StoreBackend, DurableWrite } from '../../../manager/store/backend.js';
import type { TableName } from '../../../manager/store/store.js';

/** Backend without persistence, for tests and simulations. */
export class MemoryBackend implements StoreBackend {
  readonly name = 'memory';
  readonly #objects = new Map<string, { readonly table: TableName; readonly value: object }>();

  load(): Promise<readonly { readonly table: TableName; readonly value: object }[]> {
    return Promise.resolve([...this.#objects.values()]);
  }

  commit(writes: readonly DurableWrite[]): Promise<void> {
    for (const { table, id, value } of writes) {
      if (value === undefined) this.#objects.delete(`${table}/${id}`);
      else this.#objects.set(`${table}/${id}`, { table, value });
    }
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
