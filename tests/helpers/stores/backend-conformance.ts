import type { ExecutionContext } from 'ava';
import type { StoreBackend, DurableWrite } from '../../../manager/store/backend.js';

export interface BackendUnderTest {
  readonly name: string;
  /** Creates an empty backend. */
  create(): Promise<StoreBackend>;
  /**
   * Reopens the data of `backend`, which is closed by then; undefined for a backend without
   * persistence.
   */
  readonly reopen?: (backend: StoreBackend) => Promise<StoreBackend>;
}

const put = (id: string, value: object): DurableWrite => ({ table: 'services', id, value });

async function contents(backend: StoreBackend): Promise<unknown[]> {
  const records = await backend.load();
  return records
    .map(({ table, value }) => ({ table, ...value }))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** Registers the tests that every backend must pass. */
export function testBackend(
  test: (title: string, run: (t: ExecutionContext) => Promise<void>) => void,
  under: BackendUnderTest,
): void {
  const title = (text: string): string => `${under.name}: ${text}`;

  test(title('a new backend is empty'), async (t) => {
    const backend = await under.create();
    t.deepEqual(await contents(backend), []);
    await backend.close();
  });

  test(title('load returns the result of writes, replacements and removals'), async (t) => {
    const backend = await under.create();
    await backend.commit([put('a', { id: 'a', n: 1 }), put('b', { id: 'b', text: 'ü/"\n\0' })]);
    await backend.commit([
      put('a', { id: 'a', n: 2 }),
      { table: 'services', id: 'b', value: undefined },
      { table: 'nodes', id: 'a', value: { id: 'a', of: 'another table' } },
      { table: 'leases', id: 'address/n/10.0.0.1', value: { id: 'address/n/10.0.0.1' } },
    ]);
    t.deepEqual(await contents(backend), [
      { table: 'leases', id: 'address/n/10.0.0.1' },
      { table: 'nodes', id: 'a', of: 'another table' },
      { table: 'services', id: 'a', n: 2 },
    ]);
    await backend.close();
  });

  test(title('removing a missing object succeeds'), async (t) => {
    const backend = await under.create();
    await t.notThrowsAsync(backend.commit([{ table: 'tasks', id: 'x', value: undefined }]));
    await backend.close();
  });

  test(title('a batch may have thousands of writes and an object a megabyte'), async (t) => {
    const backend = await under.create();
    const many = Array.from({ length: 3_000 }, (_, n) => put(`s${n}`, { id: `s${n}`, n }));
    await backend.commit(many);
    await backend.commit([put('big', { id: 'big', data: 'x'.repeat(1_000_000) })]);
    t.is((await backend.load()).length, 3_001);
    await backend.close();
  });

  const { reopen } = under;
  if (reopen === undefined) return;
  test(title('all data survives a close and reopen'), async (t) => {
    const backend = await under.create();
    await backend.commit([put('a', { id: 'a' }), put('b', { id: 'b' })]);
    await backend.commit([{ table: 'services', id: 'a', value: undefined }]);
    await backend.close();
    const reopened = await reopen(backend);
    t.deepEqual(await contents(reopened), [{ table: 'services', id: 'b' }]);
    await reopened.close();
  });
}
