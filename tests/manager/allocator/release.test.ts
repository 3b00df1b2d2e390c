import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { expiredLeases, fenceMs, releasableLeases } from '../../../manager/allocator/release.js';
import type { LeaseId, NetworkId, NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { Lease } from '../../../manager/common/model/network.js';
import { addressLeaseId, portLeaseId } from '../../../manager/common/model/network.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task, TaskStatus } from '../../../manager/common/model/task.js';
import type { ClusterStore } from '../../../manager/store/store.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

type LeaseHolder = Lease['holder'];

const web = aService('web');
const net = 'n-net' as NetworkId;
const address = addressLeaseId(net, '10.0.0.1');
const port = portLeaseId('n1' as NodeId, 'tcp', 80, '');
const ofTask: LeaseHolder = { kind: 'task', taskId: 'web.1' as TaskId };

async function storeWith(
  holders: Readonly<Record<string, LeaseHolder>>,
  service: Service = web,
  nodes: readonly ReturnType<typeof aNode>[] = [],
): Promise<ClusterStore> {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    tx.create('services', service);
    for (const node of nodes) tx.create('nodes', node);
    for (const [id, holder] of Object.entries(holders))
      tx.create('leases', { id: id as LeaseId, holder });
  });
  return store;
}

const taskIn = (state: TaskStatus['state'], desired: Task['desired'] = 'running'): Task =>
  aTask(web, 1, { node: 'n1', state, desired });

async function released(
  task: Task | undefined,
  service: Service = web,
): Promise<readonly string[]> {
  const { view } = await storeWith({ [address]: ofTask, [port]: ofTask }, service);
  return releasableLeases(view, 'web.1' as TaskId, task)
    .map(({ id }) => id.split('/')[0] ?? '')
    .sort();
}

test('a deleted task releases all its leases, a running one none', async (t) => {
  t.deepEqual(await released(undefined), ['address', 'port']);
  t.deepEqual(await released(taskIn('running')), []);
  t.deepEqual(await released(taskIn('assigned', 'shutdown')), []);
});

test("a client's container releases an address once it has left the network", async (t) => {
  const base = taskIn('running');
  const container = { ...base.spec.container, origin: { autoRemove: false } };
  const own = { ...base, spec: { ...base.spec, container } };
  const joined = { ...own, status: { ...own.status, addresses: ['10.0.0.1'] } };
  const network = { networkId: net, network: 'net', address: '10.0.0.1', mac: '', aliases: [] };
  t.deepEqual(await released({ ...joined, attachments: [network] }), []);
  t.deepEqual(await released(joined), []);
  t.deepEqual(await released(own), ['address']);
});

test('an ended task that may be adopted keeps its address and releases its port', async (t) => {
  t.deepEqual(await released(taskIn('complete')), ['port']);
  t.deepEqual(await released(taskIn('failed')), ['port']);
  const halted = { ...web, spec: { ...web.spec, halted: true } };
  t.deepEqual(await released(taskIn('shutdown', 'shutdown'), halted), ['port']);
});

test('a replaced, rejected, orphaned or removed task keeps nothing', async (t) => {
  t.deepEqual(await released(taskIn('shutdown', 'shutdown')), ['address', 'port']);
  for (const state of ['rejected', 'orphaned'] as const)
    t.deepEqual(await released(taskIn(state)), ['address', 'port']);
  const halted = { ...web, spec: { ...web.spec, halted: true } };
  t.deepEqual(await released(taskIn('shutdown', 'remove'), halted), ['address', 'port']);
});

test('leases of removed tasks and nodes have expired', async (t) => {
  const { view } = await storeWith({
    'address/a/1': ofTask,
    'address/a/2': { kind: 'gateway', nodeId: 'gone' as NodeId, networkId: net },
  });
  const { leases, until } = expiredLeases(view, 0, view.list('leases'));
  t.deepEqual(
    leases.map(({ id }) => String(id)),
    ['address/a/1', 'address/a/2'],
  );
  t.is(until, undefined);
});

test('a gateway stays as long as its node, also while that is down', async (t) => {
  const holder: LeaseHolder = { kind: 'gateway', nodeId: 'n1' as NodeId, networkId: net };
  const { view } = await storeWith({ [address]: holder }, web, [aNode('n1', { state: 'down' })]);
  t.deepEqual(expiredLeases(view, 1e12, view.list('leases')), { leases: [], until: undefined });
});

test('a fence ends half a minute after its node is back, and not while that is away', async (t) => {
  const fence = (node: string): LeaseHolder => ({
    kind: 'fenced',
    nodeId: node as NodeId,
  });
  const { view } = await storeWith(
    { 'address/a/1': fence('n1'), 'address/a/2': fence('n2'), 'address/a/3': fence('n3') },
    web,
    [
      aNode('n1', { since: 1_000 }),
      aNode('n2', { since: 2_000 }),
      aNode('n3', { state: 'down', since: 0 }),
    ],
  );
  const at = (now: number): readonly [number, number | undefined] => {
    const { leases, until } = expiredLeases(view, now, view.list('leases'));
    return [leases.length, until];
  };
  t.is(fenceMs, 30_000);
  t.deepEqual(at(30_999), [0, 31_000]);
  t.deepEqual(at(31_000), [1, 32_000]);
  t.deepEqual(at(32_000), [2, undefined]);
});
