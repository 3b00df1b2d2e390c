import test from 'ava';
import { aNetwork, aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { AddressCursors } from '../../../manager/allocator/attach.js';
import { leaseGateways, missingGateways } from '../../../manager/allocator/gateways.js';
import type { Network, NetworkSpec } from '../../../manager/common/model/network.js';
import { addressLeaseId } from '../../../manager/common/model/network.js';
import type { NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { ClusterStore } from '../../../manager/store/store.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const base = aNetwork('net');

const networkWith = (subnet: string, spec: Partial<NetworkSpec> = {}): Network => ({
  ...base,
  vni: 4096,
  subnet,
  spec: { ...base.spec, ...spec },
});

function placed(slot: number, node: string | undefined): Task {
  const task = aTask(aService('web'), slot, {
    state: 'assigned',
    ...(node === undefined ? {} : { node }),
  });
  const attachment = { networkId: base.id, network: 'net', address: '', mac: '', aliases: [] };
  return { ...task, attachments: [attachment] };
}

async function storeWith(
  network: Network | undefined,
  taken: readonly string[],
): Promise<ClusterStore> {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    if (network !== undefined) tx.create('networks', network);
    for (const name of ['n1', 'n2']) tx.create('nodes', aNode(name));
    for (const address of taken) {
      const holder = { kind: 'task', taskId: 'other' as TaskId } as const;
      tx.create('leases', { id: addressLeaseId(base.id, address), holder });
    }
  });
  return store;
}

/** Addresses of gateways in the order of their leases. */
async function gateways(
  network: Network | undefined,
  tasks: readonly Task[],
  taken: readonly string[] = [],
): Promise<readonly string[]> {
  const store = await storeWith(network, taken);
  const cursors: AddressCursors = new Map();
  for (const task of tasks)
    await store.update('allocator', (tx) => {
      leaseGateways(tx, task, cursors);
    });
  return store.view
    .list('leases')
    .flatMap(({ id, holder }) =>
      holder.kind === 'gateway' ? [`${holder.nodeId} ${id.slice(id.lastIndexOf('/') + 1)}`] : [],
    )
    .sort();
}

test('each node gets one gateway of a network, whatever its tasks', async (t) => {
  const network = networkWith('10.9.0.0/24');
  const tasks = [placed(1, 'n1'), placed(2, 'n1'), placed(3, 'n2')];
  t.deepEqual(await gateways(network, tasks), ['n1 10.9.0.1', 'n2 10.9.0.2']);
});

test('a task without a node, or without its network, leases nothing', async (t) => {
  t.deepEqual(await gateways(networkWith('10.9.0.0/24'), [placed(1, undefined)]), []);
  t.deepEqual(await gateways(undefined, [placed(1, 'n1')]), []);
  const removing = { ...networkWith('10.9.0.0/24'), removing: true };
  t.deepEqual(await gateways(removing, [placed(1, 'n1')]), []);
});

test('gateways are missing until they are leased', async (t) => {
  const store = await storeWith(networkWith('10.9.0.0/24'), []);
  const task = placed(1, 'n1');
  t.deepEqual(missingGateways(store.view, task), [base.id]);
  t.deepEqual(missingGateways(store.view, placed(1, undefined)), []);
  await store.update('allocator', (tx) => {
    leaseGateways(tx, task, new Map());
  });
  t.deepEqual(missingGateways(store.view, task), []);
  t.deepEqual(missingGateways(store.view, { ...task, nodeId: 'n2' as NodeId }), [base.id]);
});

test('the requested gateway is used by the first node and not when it is taken', async (t) => {
  const subnet = '10.9.0.0/24';
  const network = networkWith(subnet, { subnet, gateway: '10.9.0.77' });
  const tasks = [placed(1, 'n1'), placed(2, 'n2')];
  t.deepEqual(await gateways(network, tasks), ['n1 10.9.0.77', 'n2 10.9.0.1']);
  const taken = await gateways(network, tasks, ['10.9.0.77', '10.9.0.1']);
  t.deepEqual(taken, ['n1 10.9.0.254', 'n2 10.9.0.253']);
});

test('a reserved address is no gateway', async (t) => {
  const subnet = '10.9.0.0/24';
  const network = networkWith(subnet, { subnet, reserved: ['10.9.0.1'] });
  t.deepEqual(await gateways(network, [placed(1, 'n1')]), ['n1 10.9.0.254']);
});

test('a full network has no gateway', async (t) => {
  const network = networkWith('10.9.0.0/30');
  t.deepEqual(await gateways(network, [placed(1, 'n1')], ['10.9.0.1', '10.9.0.2']), []);
});
