import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { Security } from '../../../manager/security/security.js';
import { openSecurity } from '../../../manager/security/security.js';
import type { StoreBackend } from '../../../manager/store/backend.js';
import { KeyRing } from '../../../manager/store/key-ring.js';
import { openStore } from '../../../manager/store/open-store.js';
import { SealedBackend } from '../../../manager/store/sealing.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';
import { until } from '../../helpers/until.js';

interface Follower {
  readonly nodeId: string;
  readonly address: string;
  readonly alive: boolean;
}

/** The security functions of the leader m1 with these other managers. */
async function securityOf(
  ring: KeyRing | undefined,
  followers: () => readonly Follower[],
  pkiPaths: object = { intermediate: {} },
  backend?: StoreBackend,
): Promise<Security | undefined> {
  const clock = new ManualClock();
  const store =
    backend === undefined
      ? await openTestStore(clock)
      : await openStore({ backend, clock, log: silentLogger });
  await store.update('restore', (tx) => {
    const service = aService('web', { task: { container: { env: { PASSWORD: 'hunter2' } } } });
    tx.create('services', service);
    tx.create('tasks', aTask(service, 1, { node: 'node-1' }));
    for (const id of ['s1', 's2'])
      tx.create('secrets', { id, spec: { name: id, project: 'p', labels: {} }, data: '' } as never);
  });
  const own = { nodeId: 'm1', address: 'm1:4400', alive: true };
  return openSecurity({
    store,
    clock,
    log: silentLogger,
    newId: () => 'id',
    settings: { clusterId: 'c1', clusterName: 'c', nodeId: 'm1', pki: pkiPaths },
    credentials: { ca: '', authority: { id: 'own' } },
    workers: { peers: () => new Map(), requestRenewals: () => undefined },
    ring,
    directory: { list: () => Promise.resolve([own, ...followers()]) },
  } as never);
}

test('after a rotation the new key alone opens the store, also the environment of running tasks', async (t) => {
  const path = `${await temporaryFolder(t)}/cluster.key`;
  const memory = new MemoryBackend();
  const ring = new KeyRing(path);
  const security = await securityOf(ring, () => [], undefined, new SealedBackend(memory, ring));
  const { id } = ring.current;
  await security?.rotateKey();
  const stored = JSON.stringify(await memory.load());
  t.false(stored.includes(id), 'sealed with the old key');
  t.false(stored.includes('hunter2'));
  const records = await new SealedBackend(memory, new KeyRing(path)).load();
  t.regex(JSON.stringify(records), /(?:hunter2.*){2}/u);
});

async function loadedRing(t: ExecutionContext): Promise<KeyRing> {
  const ring = new KeyRing(`${await temporaryFolder(t)}/cluster.key`);
  await ring.load({ mayCreate: true });
  return ring;
}

test('a manager without an intermediate CA or a sealing key does without them', async (t) => {
  t.is(await securityOf(undefined, () => [], {}), undefined);
  t.is(await (await securityOf(undefined, () => []))?.rotateKey(), 0);
});

test('a new sealing key replaces the old one after every secret is sealed with it', async (t) => {
  const ring = await loadedRing(t);
  const { id } = ring.current;
  const gone = { nodeId: 'm3', address: 'm3:4400', alive: false };
  t.is(await (await securityOf(ring, () => [gone]))?.rotateKey(), 4);
  t.not(ring.current.id, id);
  t.is(ring.find(id), undefined);
});

test('the old sealing key stays until every live manager has the new one', async (t) => {
  const ring = await loadedRing(t);
  const { id } = ring.current;
  let looks = 0;
  const security = await securityOf(ring, () => {
    looks += 1;
    return [{ nodeId: 'm2', address: 'm2:4400', alive: true }];
  });
  const rotated = security?.rotateKey();
  await until('the second look at the managers', 10_000, () => looks > 1);
  t.not(ring.current.id, id);
  t.truthy(ring.find(id));
  ring.exportTo('m2');
  t.is(await rotated, 4);
  t.is(ring.find(id), undefined);
});
