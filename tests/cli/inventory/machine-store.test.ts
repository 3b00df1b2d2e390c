import { createPrivateKey, X509Certificate } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { findCluster } from '../../../cli/inventory/context.js';
import { loadUserAuthority } from '../../../cli/certificates/authority.js';
import {
  withClusterManager,
  withoutClusterManager,
} from '../../../cli/inventory/cluster-record.js';
import { MachineStore, resolveStoreFolder } from '../../../cli/inventory/machine-store.js';
import { newRecords } from '../../../cli/machine/new-record.js';
import type { MachineRecord } from '../../../cli/inventory/machine-record.js';
import { isConflict, isNotFound } from '../../../manager/common/base/errors.js';
import { createFlags as flags } from '../../helpers/program/create-flags.js';

async function newStore(t: ExecutionContext): Promise<MachineStore> {
  const home = await mkdtemp(join(tmpdir(), 'shoal-store-'));
  t.teardown(async () => rm(home, { recursive: true, force: true }));
  return new MachineStore(home);
}

function aRecord(name: string): MachineRecord {
  const [record] = newRecords([name], flags, undefined);
  if (record === undefined) throw new Error('no record');
  return record;
}

test('the store folder comes from the flag, then SHOAL_HOME, then the home folder', (t) => {
  t.is(resolveStoreFolder('/a', { SHOAL_HOME: '/b' }), '/a');
  t.is(resolveStoreFolder(undefined, { SHOAL_HOME: '/b' }), '/b');
  t.regex(resolveStoreFolder(undefined, {}), /\/\.shoal$/u);
});

test('a machine name is reserved only once', async (t) => {
  const machines = await newStore(t);
  const results = await Promise.allSettled(
    Array.from({ length: 5 }, async () => machines.reserve('node-1')),
  );
  t.is(results.filter(({ status }) => status === 'fulfilled').length, 1);
  const failed = results.find((result) => result.status === 'rejected');
  t.true(isConflict(failed?.reason));
  t.regex(String(failed?.reason), /machine "node-1" already exists/u);
});

test('a reservation without a record expires', async (t) => {
  const machines = await newStore(t);
  await machines.reserve('node-1');
  const longAgo = new Date(Date.now() - 3_600_000);
  await utimes(machines.machineFolder('node-1'), longAgo, longAgo);
  await t.notThrowsAsync(machines.reserve('node-1'));
  await machines.save(aRecord('node-1'));
  await utimes(machines.machineFolder('node-1'), longAgo, longAgo);
  await t.throwsAsync(machines.reserve('node-1'), { message: /already exists/u });
});

test('a saved record is loaded unchanged and readable only by its owner', async (t) => {
  const machines = await newStore(t);
  await machines.reserve('node-1');
  await machines.save(aRecord('node-1'));
  t.deepEqual(await machines.load('node-1'), aRecord('node-1'));
  const { mode } = await stat(join(machines.machineFolder('node-1'), 'config.json'));
  t.is(mode & 0o777, 0o600);
});

test('the error names an unknown machine, or the path of a damaged record', async (t) => {
  const machines = await newStore(t);
  const error = await t.throwsAsync(machines.load('web'));
  t.true(isNotFound(error));
  t.regex(error.message, /machine "web" not found/u);
  await machines.reserve('bad');
  await writeFile(join(machines.machineFolder('bad'), 'config.json'), '{"ConfigVersion":3');
  await t.throwsAsync(machines.load('bad'), {
    message: /^machine record .*machines\/bad\/config.json: invalid JSON/u,
  });
});

test('a copied store works at its new path', async (t) => {
  const machines = await newStore(t);
  await machines.reserve('node-1');
  await writeFile(join(machines.home, 'key'), 'KEY');
  const SSHKeyPath = await machines.copyKey('node-1', join(machines.home, 'key'));
  const record = aRecord('node-1');
  await machines.save({ ...record, Driver: { ...record.Driver, SSHKeyPath } });
  await loadUserAuthority(machines, new Date());
  const other = await newStore(t);
  await cp(machines.home, other.home, { recursive: true, verbatimSymlinks: true });
  await rm(machines.home, { recursive: true });
  const copied = await other.load('node-1');
  t.is(await readFile(other.resolve(copied.Driver.SSHKeyPath), 'utf8'), 'KEY');
  t.regex(await readFile(join(other.machineFolder('node-1'), 'ca.pem'), 'utf8'), /CERTIFICATE/u);
});

test('concurrent callers create a single user CA', async (t) => {
  const machines = await newStore(t);
  const authorities = await Promise.all(
    Array.from({ length: 6 }, async () =>
      loadUserAuthority(new MachineStore(machines.home), new Date()),
    ),
  );
  t.is(new Set(authorities.map(({ cert }) => cert)).size, 1);
  const [authority] = authorities;
  const ca = new X509Certificate(authority?.cert ?? '');
  const client = new X509Certificate(await readFile(join(machines.certsFolder, 'cert.pem')));
  const key = createPrivateKey(await readFile(join(machines.certsFolder, 'key.pem')));
  t.true(client.verify(ca.publicKey));
  t.true(client.checkPrivateKey(key));
  for (const file of ['ca-key.pem', 'key.pem']) {
    t.is((await stat(join(machines.certsFolder, file))).mode & 0o777, 0o600);
  }
});

const cluster = { name: 'prod', id: 'c1', strategy: 'spread', managers: [] } as const;
const manager = { name: 'node-1', nodeId: 'n1', url: 'https://10.0.0.1:7070' };

test('a cluster record is deleted with its last manager', async (t) => {
  const machines = await newStore(t);
  await machines.updateCluster('prod', () => withClusterManager(cluster, manager));
  t.deepEqual((await machines.findCluster('prod'))?.managers, [manager]);
  await machines.updateCluster('prod', (seen) => seen && withoutClusterManager(seen, 'node-1'));
  t.is(await machines.findCluster('prod'), undefined);
});

test('concurrent changes to a cluster record are all kept', async (t) => {
  const machines = await newStore(t);
  await machines.updateCluster('prod', () => withClusterManager(cluster, manager));
  await Promise.all(
    Array.from({ length: 5 }, async (_, index) =>
      machines.updateCluster('prod', (seen) =>
        withClusterManager(seen ?? cluster, { ...manager, name: `m${String(index)}` }),
      ),
    ),
  );
  t.is((await machines.findCluster('prod'))?.managers.length, 6);
});

test('the cluster comes from the flag, then SHOAL_CLUSTER, then the current cluster', async (t) => {
  const machines = await newStore(t);
  const { home } = machines;
  t.is(await findCluster({ home, env: {} }), undefined);
  for (const name of ['prod', 'test', 'dev']) {
    await machines.updateCluster(name, () => withClusterManager({ ...cluster, name }, manager));
  }
  await machines.setCurrentCluster('prod');
  const named = async (clusterFlag: string | undefined, env: NodeJS.ProcessEnv) =>
    (await findCluster({ home, clusterFlag, env }))?.name;
  t.is(await named('dev', { SHOAL_CLUSTER: 'test' }), 'dev');
  t.is(await named(undefined, { SHOAL_CLUSTER: 'test' }), 'test');
  t.is(await named(undefined, {}), 'prod');
  const found = await findCluster({ home, env: {} });
  t.deepEqual(found?.managers, ['https://10.0.0.1:7070']);
  t.is(found?.caPath, join(home, 'certs', 'ca.pem'));
  const error = await t.throwsAsync(findCluster({ home, clusterFlag: 'nope', env: {} }));
  t.true(isNotFound(error));
});
