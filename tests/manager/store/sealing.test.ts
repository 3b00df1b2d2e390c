import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { isAppError } from '../../../manager/common/base/errors.js';
import type { StoreBackend, DurableWrite } from '../../../manager/store/backend.js';
import { openEmbedded } from '../../../manager/store/embedded/embedded.js';
import { KeyRing } from '../../../manager/store/key-ring.js';
import { MemoryKv } from '../../helpers/fakes/memory-kv.js';
import { openInMemory } from '../../helpers/stores/consul-in-memory.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import { SealedBackend } from '../../../manager/store/sealing.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';

const plain = Buffer.from('correct horse battery staple').toString('base64');

function secret(id: string, data = plain): DurableWrite {
  const spec = { name: id, project: 'p', key: id, labels: {} };
  return {
    table: 'secrets',
    id,
    value: { id, version: 1, createdAt: 1, updatedAt: 1, spec, data },
  };
}

function dataOf(records: Awaited<ReturnType<StoreBackend['load']>>): readonly unknown[] {
  return records.map(({ value }) => (value as { readonly data: unknown }).data);
}

/** Asserts that `work` rejects with `invalid`; returns the error message. */
async function refusal(t: ExecutionContext, work: Promise<unknown>): Promise<string> {
  const error: unknown = await t.throwsAsync(work);
  t.true(isAppError(error) && error.kind === 'invalid');
  return (error as Error).message;
}

test('store files contain neither plaintext nor key, and secrets survive a reopen', async (t) => {
  const folder = await temporaryFolder(t);
  const ring = new KeyRing(join(folder, 'cluster.key'));
  const store = join(folder, 'store');
  const backend = new SealedBackend(await openEmbedded(store), ring);
  t.deepEqual(await backend.load(), []);
  await backend.commit([secret('s1'), secret('s2', randomBytes(300_000).toString('base64'))]);
  await backend.close();
  const files = await readdir(store);
  t.true(files.length > 0);
  const key = ring.current.bytes;
  for (const file of files) {
    const bytes = await readFile(join(store, file));
    for (const needle of [Buffer.from(plain, 'base64'), Buffer.from(plain), key]) {
      t.false(bytes.includes(needle));
    }
    t.false(bytes.includes(key.toString('base64')));
  }
  t.is((await stat(ring.path)).mode & 0o777, 0o600);
  const again = new SealedBackend(await openEmbedded(store), new KeyRing(ring.path));
  t.is(dataOf(await again.load())[0], plain);
  await again.close();
});

test('configs are sealed, also those that an earlier version stored', async (t) => {
  const folder = await temporaryFolder(t);
  const plainStore = new MemoryBackend();
  const config: DurableWrite = { ...secret('c1'), table: 'configs' };
  await plainStore.commit([config]);
  const sealed = new SealedBackend(plainStore, new KeyRing(join(folder, 'cluster.key')));
  t.deepEqual(dataOf(await sealed.load()), [plain]);
  t.notRegex(JSON.stringify(await plainStore.load()), new RegExp(plain.slice(0, 20), 'u'));
});

test('a store with a missing, wrong or damaged key file is not opened and stays unchanged', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'cluster.key');
  const memory = new MemoryBackend();
  const first = new SealedBackend(memory, new KeyRing(path));
  await first.load();
  await first.commit([secret('s1')]);
  const before = JSON.stringify(await memory.load());
  await rm(path);
  const missing = await refusal(t, new SealedBackend(memory, new KeyRing(path)).load());
  t.regex(missing, /cluster\.key: file is missing.*restore the file from a backup/);
  await t.throwsAsync(stat(path), { code: 'ENOENT' });
  await new KeyRing(path).load({ mayCreate: true });
  const other = await refusal(t, new SealedBackend(memory, new KeyRing(path)).load());
  t.regex(other, /secrets\/s1\/data: sealed with key [0-9a-f]{16}, which is not in .*cluster\.key/);
  await writeFile(path, '{"current":"a"');
  const damaged = await refusal(t, new SealedBackend(memory, new KeyRing(path)).load());
  t.regex(damaged, /cluster\.key: file is invalid/);
  t.is(JSON.stringify(await memory.load()), before);
});

test('a key file whose key does not match its id is rejected', async (t) => {
  const path = join(await temporaryFolder(t), 'cluster.key');
  await new KeyRing(path).load({ mayCreate: true });
  const text = JSON.parse(await readFile(path, 'utf8')) as { current: string };
  const forged = { ...text, keys: { [text.current]: randomBytes(32).toString('base64') } };
  await writeFile(path, JSON.stringify(forged));
  t.regex(await refusal(t, new KeyRing(path).load({ mayCreate: true })), /does not match its id/);
});

test('a sealed value moved to another secret is rejected', async (t) => {
  const path = join(await temporaryFolder(t), 'cluster.key');
  const memory = new MemoryBackend();
  const backend = new SealedBackend(memory, new KeyRing(path));
  await backend.load();
  await backend.commit([secret('s1')]);
  const [record] = await memory.load();
  await memory.commit([{ table: 'secrets', id: 's2', value: { ...record?.value, id: 's2' } }]);
  const moved = await refusal(t, new SealedBackend(memory, new KeyRing(path)).load());
  t.regex(moved, /secrets\/s2\/data: cannot be unsealed/);
});

test('opening an older store seals its plaintext secrets', async (t) => {
  const path = join(await temporaryFolder(t), 'cluster.key');
  const memory = new MemoryBackend();
  await memory.commit([secret('s1')]);
  const records = await new SealedBackend(memory, new KeyRing(path)).load();
  t.deepEqual(dataOf(records), [plain]);
  t.false(JSON.stringify(await memory.load()).includes(plain));
});

test('an interrupted key rotation is completed at the next load', async (t) => {
  const path = join(await temporaryFolder(t), 'cluster.key');
  const memory = new MemoryBackend();
  const ring = new KeyRing(path);
  const backend = new SealedBackend(memory, ring);
  await backend.load();
  await backend.commit([secret('s1'), secret('s2')]);
  const old = ring.current.id;
  await ring.addKey();
  await backend.commit([secret('s1')]);
  // Interrupted here: s1 has the new key, s2 the old one.
  const next = new KeyRing(path);
  t.deepEqual(dataOf(await new SealedBackend(memory, next).load()), [plain, plain]);
  t.not(next.current.id, old);
  t.is(next.find(old), undefined);
  t.false(JSON.stringify(await memory.load()).includes(old));
  t.false((await readFile(path, 'utf8')).includes(old));
});

test('loading writes again only the secrets that the current key does not seal', async (t) => {
  const path = join(await temporaryFolder(t), 'cluster.key');
  const memory = new MemoryBackend();
  const writes: string[] = [];
  const commit = memory.commit.bind(memory);
  memory.commit = (batch) => {
    writes.push(...batch.map(({ table, id }) => `${table}/${id}`));
    return commit(batch);
  };
  const node = { id: 'n1', version: 1, createdAt: 1, updatedAt: 1, data: 'not a secret' };
  await memory.commit([secret('s1'), { table: 'nodes', id: 'n1', value: node }]);
  await new SealedBackend(memory, new KeyRing(path)).load();
  t.deepEqual(writes.splice(0), ['secrets/s1', 'nodes/n1', 'secrets/s1']);
  const records = await new SealedBackend(memory, new KeyRing(path)).load();
  t.deepEqual(writes, []);
  t.deepEqual(new Set(dataOf(records)), new Set([plain, 'not a secret']));
});

test('a secret without data and a removed secret are stored as they are', async (t) => {
  const path = join(await temporaryFolder(t), 'cluster.key');
  const memory = new MemoryBackend();
  const backend = new SealedBackend(memory, new KeyRing(path));
  await backend.load();
  await backend.commit([{ table: 'secrets', id: 's1', value: { id: 's1' } }, secret('s2')]);
  t.deepEqual((await memory.load())[0]?.value, { id: 's1' });
  await backend.commit([{ table: 'secrets', id: 's2', value: undefined }]);
  t.is((await memory.load()).length, 1);
});

const password = 'postgres-password-of-the-shop';
const hookPassword = 'password-of-a-hook';

/** A service and a task with environment values, as an earlier version stored them. */
function withEnvironment(): readonly DurableWrite[] {
  const hook = { command: ['true'], privileged: false, env: { TOKEN: hookPassword } };
  // Variables with the names of a sealed value's parts are still an environment.
  const env = { PGPASSWORD: password, EMPTY: null, key: 'a', nonce: 'b', tag: 'c', text: 'd' };
  const task = { container: { env, preStop: [hook], postStart: [hook, hook] } };
  const service = aService('web', { task });
  const stored = { ...service, previousSpec: service.spec };
  const { id } = aTask(service, 1);
  return [
    { table: 'services', id: service.id, value: stored },
    { table: 'tasks', id, value: aTask(service, 1) },
  ];
}

function valuesOf(records: Awaited<ReturnType<StoreBackend['load']>>): unknown {
  return JSON.parse(JSON.stringify(records.map(({ value }) => value)));
}

function textOf(consul: MemoryKv): string {
  return [...consul.entries.values()].map(({ value }) => value.toString('latin1')).join('\n');
}

/** The writes for objects with other ids. */
function withId(writes: readonly DurableWrite[], suffix: string): readonly DurableWrite[] {
  return writes.map(({ table, id, value }) => {
    return { table, id: `${id}-${suffix}`, value: { ...value, id: `${id}-${suffix}` } };
  });
}

async function bytesOf(folder: string): Promise<string> {
  const files = await readdir(folder);
  const read = files.map((file) => readFile(join(folder, file), 'latin1'));
  return (await Promise.all(read)).join('\n');
}

test('files of the embedded store contain no environment value, and values survive a reopen', async (t) => {
  const folder = await temporaryFolder(t);
  const store = join(folder, 'store');
  const path = join(folder, 'cluster.key');
  const writes = withEnvironment();
  const backend = new SealedBackend(await openEmbedded(store), new KeyRing(path));
  await backend.load();
  await backend.commit(writes);
  await backend.close();
  const bytes = await bytesOf(store);
  t.true(bytes.includes('demo-web-1'));
  for (const value of [password, hookPassword, 'PGPASSWORD']) t.false(bytes.includes(value));
  const again = new SealedBackend(await openEmbedded(store), new KeyRing(path));
  t.deepEqual(valuesOf(await again.load()), valuesOf(writes as never));
  await again.close();
});

test('an embedded store of an earlier version is sealed when it is opened, old log included', async (t) => {
  const folder = await temporaryFolder(t);
  const store = join(folder, 'store');
  const plainStore = await openEmbedded(store);
  const writes = withEnvironment();
  await plainStore.commit(writes);
  await plainStore.close();
  t.true((await bytesOf(store)).includes(password));
  const path = join(folder, 'cluster.key');
  const backend = new SealedBackend(await openEmbedded(store), new KeyRing(path));
  t.deepEqual(valuesOf(await backend.load()), valuesOf(writes as never));
  const bytes = await bytesOf(store);
  for (const value of [password, hookPassword]) t.false(bytes.includes(value));
  await backend.close();
});

test('Consul gets no environment value, and a store of an earlier version is sealed', async (t) => {
  const path = join(await temporaryFolder(t), 'cluster.key');
  const consul = new MemoryKv();
  const writes = withEnvironment();
  const plainStore = await openInMemory(consul);
  await plainStore.load();
  await plainStore.commit(writes);
  t.true(textOf(consul).includes(password));
  const backend = new SealedBackend(await openInMemory(consul), new KeyRing(path));
  const records = await backend.load();
  t.deepEqual(valuesOf(records), valuesOf(writes as never));
  t.false(textOf(consul).includes(password));
  const many = Array.from({ length: 200 }, (_, at) => withId(writes, String(at))).flat();
  await backend.commit(many);
  t.false(textOf(consul).includes(password));
  t.false(textOf(consul).includes(hookPassword));
});

test('a sealed environment is bound to its object and its place', async (t) => {
  const path = join(await temporaryFolder(t), 'cluster.key');
  const memory = new MemoryBackend();
  const backend = new SealedBackend(memory, new KeyRing(path));
  await backend.load();
  await backend.commit(withEnvironment());
  const stored = await memory.load();
  const task = stored.find(({ table }) => table === 'tasks');
  await memory.commit([{ table: 'tasks', id: 'other', value: { ...task?.value, id: 'other' } }]);
  const moved = await refusal(t, new SealedBackend(memory, new KeyRing(path)).load());
  t.regex(moved, /tasks\/other\/spec\.container\.env: cannot be unsealed/u);
});

test('objects without environment are stored as they are and need no key', async (t) => {
  const path = join(await temporaryFolder(t), 'cluster.key');
  const memory = new MemoryBackend();
  const service = aService('web');
  const backend = new SealedBackend(memory, new KeyRing(path));
  await backend.load();
  await backend.commit([{ table: 'services', id: service.id, value: service }]);
  t.is((await memory.load())[0]?.value, service);
  await rm(path);
  await t.notThrowsAsync(new SealedBackend(memory, new KeyRing(path)).load());
});
