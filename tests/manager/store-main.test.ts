import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aNode, aService, aTask } from '../../fixtures/cluster/build.js';
import { isConflict } from '../../manager/common/base/errors.js';
import { newId } from '../../manager/common/base/random.js';
import { writeBackup } from '../../manager/common/protocol/backup.js';
import { openEmbedded, readEmbedded } from '../../manager/store/embedded/embedded.js';
import { exportStore, importStore, migrateStore } from '../../manager/store-main.js';
import { consulTest, sharedConsul } from '../helpers/consul/consul.js';

const consul = sharedConsul();
const about = { at: '2026-01-02T03:04:05.000Z', version: '0.1.0' };
const service = aService('web', { replicas: 200 });
const writes = [
  { table: 'nodes', id: 'w1', value: aNode('w1') },
  { table: 'services', id: service.id, value: service },
  ...Array.from({ length: 200 }, (_, n) => ({
    table: 'tasks' as const,
    id: `t${n}`,
    value: aTask(service, n + 1, { id: `t${n}`, node: 'w1' }),
  })),
] as const;

/** Writes the settings of a manager with an empty data folder. */
async function manager(t: ExecutionContext, clusterId = newId()): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-main-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const config = join(folder, 'manager.json');
  await mkdir(join(folder, 'data'));
  await writeFile(
    config,
    JSON.stringify({
      clusterId,
      clusterName: clusterId,
      nodeId: 'm1',
      listen: '127.0.0.1:0',
      advertise: '127.0.0.1:7070',
      dataDir: join(folder, 'data'),
      pki: { ca: 'a', cert: 'b', key: 'c' },
      metricsListen: '127.0.0.1:9100',
    }),
  );
  return config;
}

const storeOf = (config: string): string => join(config, '..', 'data', 'store');

async function fill(config: string): Promise<void> {
  const backend = await openEmbedded(storeOf(config));
  await backend.commit(writes);
  await backend.close();
}

async function exported(config: string): Promise<string> {
  const { chunks } = await exportStore(config, about);
  return [...chunks].join('');
}

const source = (text: string): { name: string; stream: Readable } => ({
  name: 'the file',
  stream: Readable.from([Buffer.from(text)]),
});

const sorted = (records: readonly { readonly value: object }[]): readonly string[] =>
  records.map(({ value }) => JSON.stringify(value)).sort();

test('an exported store is imported unchanged on another machine', async (t) => {
  const [here, there] = [await manager(t, 'c1'), await manager(t, 'c1')];
  await fill(here);
  const { count, movedTo } = await importStore(there, source(await exported(here)), false);
  t.is(count, writes.length);
  t.is(movedTo, undefined);
  t.deepEqual(
    sorted(await readEmbedded(storeOf(there))),
    sorted(await readEmbedded(storeOf(here))),
  );
});

test('an existing store is replaced only with --replace and then moved aside', async (t) => {
  const config = await manager(t);
  await fill(config);
  const text = await exported(config);
  const before = sorted(await readEmbedded(storeOf(config)));
  const refused = await t.throwsAsync(importStore(config, source(text), false));
  t.regex(refused.message, /store in .*: already exists; use --replace/);
  const { movedTo } = await importStore(config, source(text), true);
  t.deepEqual(sorted(await readEmbedded(movedTo ?? '')), before);
  t.deepEqual(sorted(await readEmbedded(storeOf(config))), before);
});

test('a damaged store is replaced by its backup', async (t) => {
  const config = await manager(t);
  await fill(config);
  const text = await exported(config);
  const file = join(storeOf(config), 'log-00000001');
  const bytes = await readFile(file);
  bytes.writeUInt8(0x20, 5_000);
  await writeFile(file, bytes);
  await t.throwsAsync(exported(config), { message: /is damaged at byte/ });
  await importStore(config, source(text), true);
  t.is((await readEmbedded(storeOf(config))).length, writes.length);
});

test('a backup with a malformed or unknown object is refused before anything is written', async (t) => {
  const config = await manager(t, 'c1');
  const backup = (table: string, value: object): string =>
    [
      ...writeBackup({ clusterId: 'c1', clusterName: 'c1', index: 1, ...about }, [
        { table, value },
      ]),
    ].join('');
  const malformed = { ...service, removing: 'no' };
  await t.throwsAsync(importStore(config, source(backup('services', malformed)), false), {
    message: `the file: services/${service.id}: removing must be true or false`,
  });
  await t.throwsAsync(importStore(config, source(backup('routes', { id: 'r1' })), false), {
    message: /the file: has objects of unknown kind routes; use the newer version/u,
  });
  t.deepEqual(await readdir(join(config, '..', 'data')), []);
  const sealed = { key: 'k', nonce: 'n', tag: 't', text: 'x' };
  const secret = { ...{ version: 1, createdAt: 1, updatedAt: 1, id: 's1' }, data: sealed };
  const spec = { name: 'password', project: 'p', key: 'password', labels: {} };
  await importStore(config, source(backup('secrets', { ...secret, spec })), false);
  t.deepEqual(await readEmbedded(storeOf(config)), [
    { table: 'secrets', value: { ...secret, spec } },
  ]);
});

test('a truncated backup, a foreign backup and a store in use change nothing', async (t) => {
  const [config, other] = [await manager(t), await manager(t)];
  await fill(config);
  const text = await exported(config);
  const before = await readdir(join(config, '..', 'data'));
  await t.throwsAsync(importStore(config, source(text.slice(0, -10)), true), {
    message: /^the file: backup is truncated/,
  });
  const foreign = await t.throwsAsync(importStore(other, source(text), true));
  t.true(isConflict(foreign));
  t.regex(foreign.message, /the file: belongs to cluster/);
  const strange = [...writeBackup({ ...headerOf(text) }, [{ table: 'pods', value: { id: 'p' } }])];
  await t.throwsAsync(importStore(config, source(strange.join('')), true), {
    message: /has objects of unknown kind pods/,
  });
  const running = await openEmbedded(storeOf(config));
  const inUse = await t.throwsAsync(importStore(config, source(text), true));
  t.regex(inUse.message, /is in use by process/);
  await running.close();
  t.deepEqual(await readdir(join(config, '..', 'data')), before);
  t.deepEqual(await readdir(join(other, '..', 'data')), []);
});

function headerOf(text: string): Parameters<typeof writeBackup>[0] {
  return JSON.parse(text.slice(0, text.indexOf('\n'))) as Parameters<typeof writeBackup>[0];
}

consulTest(
  'migration copies a store to consul and back, verifies it and switches the settings',
  async (t) => {
    const config = await manager(t);
    await fill(config);
    const before = sorted(await readEmbedded(storeOf(config)));
    const to = `consul://${consul().addresses.join(',')}/moved`;
    const there = await migrateStore(config, to);
    t.is(there.count, writes.length);
    const settings = async (): Promise<Record<string, unknown>> =>
      JSON.parse(await readFile(config, 'utf8')) as Record<string, unknown>;
    t.is((await settings()).discovery, to);
    t.is((await settings()).metricsListen, '127.0.0.1:9100');
    // A second migration would mix two stores.
    const again = await manager(t, String((await settings()).clusterId));
    await fill(again);
    await t.throwsAsync(migrateStore(again, to), {
      message: /store in consul:.*: already exists/,
    });
    t.false('discovery' in (JSON.parse(await readFile(again, 'utf8')) as object));
    const back = await migrateStore(config, 'embedded');
    t.is(back.sha256, there.sha256);
    t.false('discovery' in (await settings()));
    t.deepEqual(sorted(await readEmbedded(storeOf(config))), before);
  },
);

consulTest('an unreachable consul leaves the store and the settings unchanged', async (t) => {
  const config = await manager(t);
  await fill(config);
  const text = await readFile(config, 'utf8');
  await t.throwsAsync(migrateStore(config, 'consul://127.0.0.1:1'), {
    message: /cannot be reached/,
  });
  await t.throwsAsync(migrateStore(config, 'etcd://x'), { message: /discovery must be consul:/ });
  await t.throwsAsync(migrateStore(config, 'embedded'), { message: /is already in embedded/ });
  t.is(await readFile(config, 'utf8'), text);
  t.is((await readEmbedded(storeOf(config))).length, writes.length);
});
