import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { aVolume } from '../../../fixtures/cluster/build.js';
import { transfer } from '../../../cli/client/transfer.js';
import { BackupReader } from '../../../manager/common/protocol/backup.js';
import type { BackupRecord } from '../../../manager/common/protocol/backup.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';

test('a backup is a consistent snapshot while the store changes', async (t) => {
  const manager = await TestManager.start(t, { pki: await createManagerPki() });
  await manager.join('w1');
  const create = (name: string): Promise<unknown> =>
    manager.call('volume.create', {
      ...aVolume(name).spec,
      labels: { filler: 'x'.repeat(20_000) },
    });
  for (let n = 0; n < 40; n += 1) await create(`v${n}`);
  const records: BackupRecord[] = [];
  const reader = new BackupReader('it', (record) => records.push(record));
  let writes: Promise<unknown> | undefined;
  for await (const chunk of transfer(await manager.stream('backup', {}))) {
    writes ??= Promise.all([create('late1'), create('late2')]);
    await writes;
    reader.push(chunk);
  }
  const { header, count } = reader.finish();
  t.is(header.clusterId, 'c1');
  t.is(count, records.length);
  const names = records.flatMap(({ table, value }) =>
    table === 'volumes' ? [(value as { spec: { name: string } }).spec.name] : [],
  );
  t.is(names.length, 40);
  t.false(names.some((name) => name.startsWith('late')));
  t.true(records.some(({ table }) => table === 'cluster'));
  t.is((await manager.call('volume.list', {})).length, 42);
});

test('a backup contains secrets only encrypted', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-key-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const keyPath = join(folder, 'cluster.key');
  const manager = await TestManager.start(t, { pki: await createManagerPki(), keyPath });
  const data = Buffer.from('hunter2 is the password').toString('base64');
  await manager.call('secret.create', { name: 'password', labels: {}, data });
  let text = '';
  for await (const chunk of transfer(await manager.stream('backup', {}))) {
    text += Buffer.from(chunk).toString();
  }
  t.true(text.includes('"table":"secrets"'));
  t.false(text.includes(data) || text.includes('hunter2'));
});
