import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aNetwork, aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { NetworkId, NodeId, TaskId } from '../../../manager/common/model/ids.js';
import { addressLeaseId } from '../../../manager/common/model/network.js';
import { Orchestrator } from '../../../manager/orchestrator/orchestrator.js';
import type { ClusterStore, Transaction } from '../../../manager/store/store.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';
import { settle, VirtualClock } from '../../simulation/virtual-clock.js';

interface Stage {
  readonly clock: VirtualClock;
  readonly store: ClusterStore;
  /** Writes and waits until the orchestrator has settled. */
  readonly write: (change: (tx: Transaction) => void) => Promise<void>;
}

async function stage(t: ExecutionContext): Promise<Stage> {
  const clock = new VirtualClock();
  const store = await openTestStore(clock);
  let ids = 0;
  const newId = (): string => `t${(ids += 1)}`;
  const orchestrator = new Orchestrator({ store, clock, log: silentLogger, newId });
  orchestrator.start();
  t.teardown(() => orchestrator.stop());
  const write = async (change: (tx: Transaction) => void): Promise<void> => {
    await store.update('restore', change);
    await settle();
  };
  return { clock, store, write };
}

test('every replica of a new service gets a task', async (t) => {
  const { store, write } = await stage(t);
  await write((tx) => {
    tx.create('services', aService('web', { replicas: 2 }));
  });
  t.deepEqual(
    store.view.list('tasks').map(({ slot, status }) => [slot, status.state]),
    [
      [1, 'new'],
      [2, 'new'],
    ],
  );
});

test('a rejected task is replaced when its back-off ends, and not before', async (t) => {
  const { store, clock, write } = await stage(t);
  const web = aService('web');
  await write((tx) => {
    tx.create('nodes', aNode('n1'));
    tx.create('services', web);
    tx.create('tasks', aTask(web, 1, { id: 'old', node: 'n1', state: 'rejected' }));
  });
  const end = clock.now() + 1_000;
  while (clock.step(end - 1)) await settle();
  await settle();
  t.deepEqual(
    store.view.list('tasks').map(({ id }) => String(id)),
    ['old'],
  );
  while (clock.step(end)) await settle();
  await settle();
  t.is(store.view.count('tasks'), 2);
  t.is(store.view.get('tasks', 'old' as TaskId)?.desired, 'shutdown');
});

test('a network to be removed goes when nothing uses it any more', async (t) => {
  const { store, write } = await stage(t);
  const network = { ...aNetwork('net'), removing: true };
  const web = aService('web', { task: { networks: [{ network: 'net', aliases: [] }] } });
  await write((tx) => {
    tx.create('nodes', aNode('n1'));
    tx.create('networks', network);
    tx.create('networks', { ...aNetwork('kept'), vni: 1 });
    tx.create('services', { ...web, removing: false });
    const holder = {
      kind: 'gateway',
      nodeId: 'n1' as NodeId,
      networkId: network.id,
    } as const;
    tx.create('leases', { id: addressLeaseId(network.id, '10.0.0.1'), holder });
  });
  const names = (): readonly string[] => store.view.list('networks').map(({ spec }) => spec.name);
  t.deepEqual(names(), ['kept', 'net']);
  await write((tx) => {
    tx.remove('services', web.id);
    for (const task of tx.list('tasks')) tx.remove('tasks', task.id);
  });
  t.deepEqual(names(), ['kept', 'net']);
  await write((tx) => {
    tx.remove('leases', addressLeaseId('n-net' as NetworkId, '10.0.0.1'));
  });
  t.deepEqual(names(), ['kept']);
});
