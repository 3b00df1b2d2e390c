import test from 'ava';
import { aNetwork, aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import { isAppError } from '../../../manager/common/base/errors.js';
import type { NetworkId, NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { Node } from '../../../manager/common/model/node.js';
import { addressLeaseId, type Lease } from '../../../manager/common/model/network.js';
import type { StoreBackend } from '../../../manager/store/backend.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import { aStatus } from '../../helpers/fakes/fake-worker.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createTestPki } from '../../helpers/pki/pki.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import { until } from '../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

async function nodeOf(manager: TestManager, id: string): Promise<Node | undefined> {
  return (await manager.call('node.list', {})).find((node) => node.id === id);
}

async function waitForState(
  manager: TestManager,
  id: string,
  state: Node['status']['state'],
): Promise<Node> {
  await until(
    `${id} is ${state}`,
    20_000,
    async () => (await nodeOf(manager, id))?.status.state === state,
  );
  const node = await nodeOf(manager, id);
  if (node === undefined) throw new Error('gone');
  return node;
}

/** A backend preloaded with these objects. */
async function backendWith(
  objects: readonly [Parameters<StoreBackend['commit']>[0][number]['table'], object][],
): Promise<StoreBackend> {
  const backend = new MemoryBackend();
  await backend.commit(
    objects.map(([table, value]) => ({ table, id: (value as { readonly id: string }).id, value })),
  );
  return backend;
}

const aLease = (id: Lease['id'], holder: Lease['holder']): Lease => ({
  ...{ version: 1, createdAt: 0, updatedAt: 0 },
  id,
  holder,
});

test('a worker that joins becomes a ready node with its description', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1', { name: 'node-1' });
  const node = await waitForState(manager, 'w1', 'ready');
  t.is(node.spec.name, 'node-1');
  t.is(node.spec.role, 'worker');
  t.is(node.description.arch, 'amd64');
});

test('workers with a foreign or expired certificate are refused with a reason and logged', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const other = await (await createTestPki('c2')).node('worker', 'w9');
  const foreign: unknown = await t.throwsAsync(
    manager.join('w9', { tls: { ...other, ca: pki.ca } }),
  );
  t.true(isAppError(foreign) && foreign.kind === 'forbidden');
  const old = await pki.node('worker', 'w2', -1);
  const expired: unknown = await t.throwsAsync(manager.join('w2', { tls: old }));
  t.regex(
    (expired as Error).message,
    /certificate of w2 \(worker of c1\) has expired on .* \(verifier's clock: .*\); if that clock is right, provision/,
  );
  t.true(
    manager.log.some((line) =>
      line.includes('refused: certificate of w9 (worker of c2) is signed by unknown authority'),
    ),
  );
  t.true(
    manager.log.some((line) =>
      line.includes('refused: certificate of w2 (worker of c1) has expired'),
    ),
  );
  t.deepEqual(await manager.call('node.list', {}), []);
});

test('a worker whose node id differs from its certificate is refused', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1', { hello: { nodeId: 'w2' } });
  const end = await worker.ended;
  t.is(end.code, 4403);
  t.regex(end.reason, /says it is node w2, its certificate says w1/);
});

test('a node name that is already taken is refused', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1', { name: 'same' });
  await waitForState(manager, 'w1', 'ready');
  const second = await manager.join('w2', { name: 'same' });
  t.regex((await second.ended).reason, /node name same is taken by node w1/);
});

test('a silent worker on a dead machine is down after the deadline and one probe', async (t) => {
  const manager = await TestManager.start(t, { pki, probe: () => Promise.resolve(false) });
  const worker = await manager.join('w1', { silent: true });
  const node = await waitForState(manager, 'w1', 'down');
  t.is(node.status.message, 'machine does not answer');
  t.is((await worker.ended).code, 4408);
});

test('a worker that restarts while its machine answers is never down', async (t) => {
  let probes = 0;
  const manager = await TestManager.start(t, {
    pki,
    probe: () => {
      probes += 1;
      return Promise.resolve(true);
    },
    timing: { deadlineMs: 200, workerGraceMs: 600_000, probeIntervalMs: 20 },
  });
  const states: string[] = [];
  const stream = await manager.stream('watch', {});
  void (async () => {
    for await (const text of stream) {
      const message = JSON.parse(String(text)) as { table?: string; object?: Node };
      if (message.table === 'nodes' && message.object !== undefined) {
        states.push(message.object.status.state);
      }
    }
  })().catch(() => undefined);
  const first = await manager.join('w1');
  await waitForState(manager, 'w1', 'ready');
  first.leave();
  await first.ended;
  const before = probes;
  // More than one deadline of silence, measured in answers of the machine.
  await until('second opinions', 20_000, () => probes - before > 20);
  const second = await manager.join('w1');
  await until('the welcome', 20_000, () => second.managers.length > 0);
  t.false(states.includes('down'));
  t.is((await nodeOf(manager, 'w1'))?.status.state, 'ready');
});

test('a worker that stays away is down though its machine answers, and ready when it is back', async (t) => {
  const manager = await TestManager.start(t, { pki });
  (await manager.join('w1')).leave();
  const node = await waitForState(manager, 'w1', 'down');
  t.regex(node.status.message, /machine answers, but its worker has been away/);
  await manager.join('w1');
  await waitForState(manager, 'w1', 'ready');
  t.pass();
});

test('nodes are unknown after a manager start, then ready or down', async (t) => {
  const backend = await backendWith([]);
  const probe = (address: string): Promise<boolean> => Promise.resolve(address !== '192.0.2.2');
  const first = await TestManager.start(t, { pki, backend, probe: () => Promise.resolve(true) });
  await first.join('w1');
  await first.join('w2', { address: '192.0.2.2' });
  await waitForState(first, 'w1', 'ready');
  await waitForState(first, 'w2', 'ready');
  await first.stop();
  const second = await TestManager.start(t, { pki, backend, probe });
  t.is((await nodeOf(second, 'w1'))?.status.state, 'unknown');
  await second.join('w1');
  await waitForState(second, 'w1', 'ready');
  await waitForState(second, 'w2', 'down');
  t.pass();
});

test('removing a node closes its session, revokes its certificate and orphans its tasks', async (t) => {
  const service = aService('web', { global: true });
  const backend = await backendWith([
    ['nodes', aNode('w1')],
    ['nodes', aNode('w2')],
    ['services', service],
    ['tasks', { ...aTask(service, 1, { id: 'task1', node: 'w1' }), serviceId: service.id }],
  ]);
  const manager = await TestManager.start(t, { pki, backend });
  const worker = await manager.join('w1');
  await waitForState(manager, 'w1', 'ready');
  await t.throwsAsync(manager.call('node.remove', { node: 'w1', force: false }), {
    message: /node w1: still runs 1 tasks; drain it first or use --force/,
  });
  await manager.call('node.remove', { node: 'w1', force: true });
  t.is((await worker.ended).reason, 'node was removed from the cluster');
  const error = await t.throwsAsync(manager.join('w1'));
  t.regex(error.message, /node w1: was removed from cluster test/);
  await until('the task is orphaned or gone', 20_000, async () => {
    const tasks = await manager.call('task.list', {});
    return tasks.every((task) => task.status.state === 'orphaned');
  });
});

test('stale reports and reports on tasks of other nodes are dropped', async (t) => {
  const service = aService('web', { replicas: 2 });
  const backend = await backendWith([
    ['nodes', aNode('w1')],
    ['nodes', aNode('w2')],
    ['services', service],
    ['tasks', aTask(service, 1, { id: 'mine', node: 'w1', state: 'assigned' })],
    ['tasks', aTask(service, 2, { id: 'other', node: 'w2', state: 'assigned' })],
  ]);
  const manager = await TestManager.start(t, { pki, backend });
  const worker = await manager.join('w1');
  worker.reportsAssigned = false;
  const stateOf = async (id: string): Promise<string | undefined> =>
    (await manager.call('task.list', {})).find((task) => task.id === id)?.status.state;
  worker.report('mine', aStatus('running', { startedAt: 5 }));
  await until('running', 20_000, async () => (await stateOf('mine')) === 'running');
  worker.report('mine', aStatus('preparing'));
  worker.report('other', aStatus('running'));
  worker.report('unheard-of', aStatus('running'));
  worker.report('mine', aStatus('failed', { exitCode: 3 }));
  await until('failed', 20_000, async () => (await stateOf('mine')) === 'failed');
  t.is(await stateOf('other'), 'assigned');
});

test('the final status of a task is persisted, earlier statuses are not', async (t) => {
  const service = aService('web');
  const backend = await backendWith([
    ['nodes', aNode('w1')],
    ['nodes', aNode('w2')],
    ['services', service],
    ['tasks', aTask(service, 1, { id: 'mine', node: 'w1', state: 'assigned' })],
  ]);
  const manager = await TestManager.start(t, { pki, backend });
  const worker = await manager.join('w1');
  worker.reportsAssigned = false;
  const onDisk = async (): Promise<string | undefined> => {
    const records = await backend.load();
    const found = records.find(({ value }) => (value as { id: string }).id === 'mine');
    return (found?.value as { status: { state: string } } | undefined)?.status.state;
  };
  worker.report('mine', aStatus('running', { startedAt: 5 }));
  await until('running', 20_000, async () => {
    const tasks = await manager.call('task.list', {});
    return tasks.some((task) => task.id === 'mine' && task.status.state === 'running');
  });
  t.is(await onDisk(), 'assigned');
  worker.report('mine', aStatus('complete', { exitCode: 0 }));
  await until('the end on disk', 20_000, async () => (await onDisk()) === 'complete');
});

test('a gateway lease is released once the node reports the network gone and no task needs it', async (t) => {
  const network = aNetwork('a', { vni: 5000, subnet: '10.9.0.0/24' });
  const service = aService('web', { task: { networks: [{ network: 'a', aliases: [] }] } });
  const attachment = {
    networkId: network.id,
    network: 'a',
    address: '10.9.0.9',
    mac: '02:00:00:00:00:09',
    aliases: [],
  };
  const gateway = addressLeaseId(network.id, '10.9.0.2');
  const backend = await backendWith([
    ['nodes', aNode('w1')],
    ['networks', network],
    ['services', service],
    [
      'tasks',
      aTask(service, 1, { id: 'mine', node: 'w1', state: 'assigned', attachments: [attachment] }),
    ],
    ['leases', aLease(gateway, { kind: 'gateway', nodeId: 'w1' as NodeId, networkId: network.id })],
  ]);
  const manager = await TestManager.start(t, { pki, backend });
  const worker = await manager.join('w1');
  const hasLease = async (): Promise<boolean> =>
    (await backend.load()).some(({ value }) => (value as { id: string }).id === gateway);
  await until('the network', 20_000, () => worker.held.networks.size === 1);
  worker.send({ kind: 'networks', networks: [] });
  await manager.call('service.halt', { project: 'demo', services: [], halted: true });
  await manager.call('project.remove', { project: 'demo', volumes: false });
  await until('nothing held', 20_000, () => worker.held.tasks.size === 0);
  worker.send({ kind: 'networks', networks: [] as NetworkId[] });
  await until('the lease is gone', 20_000, async () => !(await hasLease()));
  t.pass();
});

test('calls reach the worker, and its errors reach the caller', async (t) => {
  const service = aService('web');
  const backend = await backendWith([
    ['nodes', aNode('w1')],
    ['nodes', aNode('w2')],
    ['services', service],
    ['tasks', aTask(service, 1, { id: 'mine', node: 'w1', state: 'running' })],
  ]);
  const manager = await TestManager.start(t, { pki, backend });
  const ref = { project: 'demo', service: 'web' };
  const away: unknown = await t.throwsAsync(manager.call('task.top', { ...ref, psArgs: 'aux' }));
  t.true(isAppError(away) && away.kind === 'unavailable');
  const worker = await manager.join('w1');
  await waitForState(manager, 'w1', 'ready');
  worker.answer = (call) => {
    if (call.name === 'top') return { titles: ['PID'], processes: [['1']] };
    throw new Error('container is paused');
  };
  t.deepEqual(await manager.call('task.top', { ...ref, psArgs: 'aux' }), {
    titles: ['PID'],
    processes: [['1']],
  });
  const [first] = worker.calls;
  t.true(first?.name === 'top' && first.args.psArgs === 'aux');
  const error = await t.throwsAsync(
    manager.call('service.kill', { project: 'demo', services: ['web'], signal: 'KILL' }),
  );
  t.is(error.message, 'cannot kill demo-web-1: container is paused');
});

test('fenced leases are released when their node returns without unknown tasks', async (t) => {
  const fenced = addressLeaseId('n1' as NetworkId, '10.9.0.7');
  const backend = await backendWith([
    ['leases', aLease(fenced, { kind: 'fenced', nodeId: 'w1' as NodeId })],
    ['nodes', aNode('w1')],
  ]);
  const manager = await TestManager.start(t, { pki, backend });
  const has = async (): Promise<boolean> =>
    (await backend.load()).some(({ value }) => (value as { id: string }).id === fenced);
  t.true(await has());
  await manager.join('w1');
  await until('the lease is gone', 20_000, async () => !(await has()));
});

test('a new volume is bound to the node that already holds its data', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1');
  await manager.join('w2', { volumes: ['data'] });
  await waitForState(manager, 'w2', 'ready');
  await manager.call('volume.create', aVolume('data').spec);
  await until('the volume has its node', 10_000, async () => {
    const [volume] = await manager.call('volume.list', {});
    return volume?.nodeIds[0] === 'w2';
  });
  t.pass();
});

test('a manager with a lost store refuses nodes that run tasks and says how to recover', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const reports = [{ taskId: 't1' as TaskId, status: aStatus('running') }];
  const worker = await manager.join('w1', { reports });
  t.regex((await worker.ended).reason, /^the store is empty, but node w1 runs 1 tasks/);
  t.deepEqual(await manager.call('node.list', {}), []);
  t.true(manager.log.some((line) => line.includes('restore a backup with')));
  // A node whose tasks have all ended is admitted.
  await manager.join('w2', { reports: [{ taskId: 't2' as TaskId, status: aStatus('shutdown') }] });
  await waitForState(manager, 'w2', 'ready');
});
