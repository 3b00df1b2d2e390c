import { setImmediate as nextTick } from 'node:timers/promises';
import test from 'ava';
import { aNode } from '../../../fixtures/cluster/build.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import type { LeaseId, NetworkId, NodeId } from '../../../manager/common/model/ids.js';
import { backgroundWrite } from '../../../manager/dispatcher/background-write.js';
import { LeaseRelease } from '../../../manager/dispatcher/lease-release.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';
import { until } from '../../helpers/until.js';

const nodeId = 'n1' as NodeId;
const networkId = 'demo_default' as NetworkId;
const gateway = 'address/demo_default/10.0.0.2' as LeaseId;
const fence = 'address/demo_default/10.0.0.3' as LeaseId;

/** A node with a gateway and a fenced lease; `networks` are those it reports. */
async function setUp(networks: readonly NetworkId[]) {
  const clock = new ManualClock();
  const store = await openTestStore(clock);
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode(nodeId));
    tx.create('leases', { id: gateway, holder: { kind: 'gateway', nodeId, networkId } });
    tx.create('leases', { id: fence, holder: { kind: 'fenced', nodeId } });
  });
  const session = { nodeId, networks, startedAt: 0 };
  const release = new LeaseRelease({
    view: store.view,
    clock,
    sessions: () => [session],
    write: backgroundWrite(store, silentLogger),
  });
  const leases = (): readonly string[] => store.view.list('leases').map(({ id }) => id);
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await nextTick();
  };
  return { release, session, leases, advance };
}

test('the fences of a node that cleans up are released after the grace, not before', async (t) => {
  const { release, leases, advance } = await setUp([networkId]);
  release.waitForCleanUp(nodeId);
  release.start();
  await advance(29_999);
  t.deepEqual(leases(), [gateway, fence]);
  await advance(1);
  await until('the fence is released', 5_000, () => leases().length === 1);
  t.deepEqual(leases(), [gateway]);
  release.stop();
});

test('a node that is gone before the grace ends keeps its fences', async (t) => {
  const { release, leases, advance } = await setUp([networkId]);
  release.waitForCleanUp(nodeId);
  release.forget(nodeId);
  release.start();
  await advance(120_000);
  t.deepEqual(leases(), [gateway, fence]);
  release.stop();
});

test('a gateway is released once its node no longer reports the network', async (t) => {
  const { release, session, leases } = await setUp([]);
  release.releaseGateways({ ...session, networks: [networkId] });
  await nextTick();
  t.deepEqual(leases(), [gateway, fence]);
  release.releaseGateways(session);
  await until('the gateway is released', 5_000, () => leases().length === 1);
  t.deepEqual(leases(), [fence]);
});

test('a sweep releases the gateway of a network that its node never created', async (t) => {
  const { release, leases, advance } = await setUp([]);
  release.start();
  await advance(30_000);
  t.deepEqual(leases(), [gateway, fence]);
  await advance(5_000);
  await until('the gateway is released', 5_000, () => leases().length === 1);
  t.deepEqual(leases(), [fence]);
  release.stop();
});
