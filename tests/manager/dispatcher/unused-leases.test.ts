import test from 'ava';
import {
  aNetwork,
  aNode,
  aService,
  aTask,
  type TaskOptions,
} from '../../../fixtures/cluster/build.js';
import type { LeaseId, NetworkId, NodeId, TaskId } from '../../../manager/common/model/ids.js';
import { fencedLeases, unusedGatewayLeases } from '../../../manager/dispatcher/unused-leases.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const [n1, n2] = ['n1' as NodeId, 'n2' as NodeId];
const [front, back] = [aNetwork('front').id, aNetwork('back').id];
const attachment = (networkId: NetworkId) => ({
  ...{ networkId, network: networkId, address: '10.0.0.9', mac: '02:00:00:00:00:09' },
  aliases: [],
});

/** Gateways of two nodes on two networks, a fence of each node, and one task on the first node. */
async function viewWith(task: TaskOptions) {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    const lease = (id: string, holder: Parameters<typeof tx.create<'leases'>>[1]['holder']) =>
      tx.create('leases', { id: id as LeaseId, holder });
    for (const nodeId of [n1, n2]) {
      tx.create('nodes', aNode(nodeId));
      for (const networkId of [front, back]) {
        lease(`address/${networkId}/${nodeId}`, { kind: 'gateway', nodeId, networkId });
      }
      lease(`address/${front}/fence-${nodeId}`, { kind: 'fenced', nodeId });
    }
    lease(`port/${n1}/tcp/80/`, { kind: 'task', taskId: 'web.1' as TaskId });
    tx.create('tasks', aTask(aService('web'), 1, { node: n1, ...task }));
  });
  return store.view;
}

const attachedTo = (networkId: NetworkId): TaskOptions => ({
  attachments: [attachment(networkId)],
});

test('a gateway is unused if its node neither has the network nor a task on it', async (t) => {
  const view = await viewWith(attachedTo(front));
  t.deepEqual(unusedGatewayLeases(view, n1, []), [`address/${back}/n1`]);
  t.deepEqual(unusedGatewayLeases(view, n1, [back]), []);
  t.deepEqual([...unusedGatewayLeases(view, n2, [])].sort(), [
    `address/${back}/n2`,
    `address/${front}/n2`,
  ]);
});

test('an ended task needs its network until it is removed, a removed one until it has ended', async (t) => {
  const needed = async (options: TaskOptions): Promise<boolean> => {
    const view = await viewWith({ ...attachedTo(front), ...options });
    return !unusedGatewayLeases(view, n1, [back]).includes(`address/${front}/n1` as LeaseId);
  };
  t.true(await needed({ state: 'failed' }));
  t.true(await needed({ desired: 'remove' }));
  t.false(await needed({ state: 'failed', desired: 'remove' }));
});

test('the fenced leases of a node are its own, and neither gateways nor those of tasks', async (t) => {
  const view = await viewWith({});
  t.deepEqual(fencedLeases(view, n1), [`address/${front}/fence-n1`]);
});
