import test from 'ava';
import { aNetwork, aNode, aService, aTask, aVolume } from '../../../../fixtures/cluster/build.js';
import type { ServiceOptions, TaskOptions } from '../../../../fixtures/cluster/build.js';
import type { ConfigId, NodeId, SecretId, TaskId } from '../../../../manager/common/model/ids.js';
import { addressLeaseId } from '../../../../manager/common/model/network.js';
import type { Task } from '../../../../manager/common/model/task.js';
import type { AssignmentChange } from '../../../../manager/common/protocol/assignments.js';
import { AssignmentTracker } from '../../../../manager/dispatcher/assignments/assignment-tracker.js';
import type { Transaction } from '../../../../manager/store/store.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';
import { openTestStore } from '../../../helpers/stores/memory-store.js';

const [w1, w2] = ['w1' as NodeId, 'w2' as NodeId];
const front = aNetwork('front', { vni: 4096, subnet: '10.0.0.0/24' });
const attachment = {
  ...{ networkId: front.id, network: 'front', address: '10.0.0.9', mac: '02:00:00:00:00:09' },
  aliases: ['www'],
};
const onFront: TaskOptions = { attachments: [attachment] };
const mount = (source?: string) => ({
  ...({ type: 'volume', target: '/data', readOnly: false, noCopy: false } as const),
  ...(source === undefined ? {} : { source }),
});
const file = (kind: 'secret' | 'config', source: string) => ({
  ...{ kind, source, target: '/f', uid: '', gid: '', mode: 0o400 },
});
const gatewayOf = (nodeId: NodeId, address: string) => ({
  id: addressLeaseId(front.id, address),
  holder: { kind: 'gateway', nodeId, networkId: front.id } as const,
});

/** Two nodes with gateways on network `front`, and what else a test adds. */
async function cluster(fill: (tx: Transaction) => void = () => undefined) {
  const clock = new ManualClock();
  clock.advance(1_000);
  const store = await openTestStore(clock);
  await store.update('restore', (tx) => {
    for (const [at, id] of [w1, w2].entries()) {
      tx.create('nodes', aNode(id, { address: `192.0.2.${String(at + 1)}` }));
      tx.create('leases', gatewayOf(id, `10.0.0.${String(at + 1)}`));
    }
    tx.create('networks', front);
    fill(tx);
  });
  const tracker = new AssignmentTracker(store.view, 'c1');
  store.watch((commit) => {
    tracker.applyCommit(commit);
  });
  const change = (write: (tx: Transaction) => unknown): Promise<unknown> =>
    store.update('restore', write);
  const addTask = (id: string, options: TaskOptions = {}, service: ServiceOptions = {}) =>
    change((tx) =>
      tx.create(
        'tasks',
        aTask(aService('web', service), 1, { id, node: 'w1', state: 'assigned', ...options }),
      ),
    );
  const putTask = (id: string, changes: Partial<Task>) =>
    change((tx) => {
      const task = tx.get('tasks', id as TaskId);
      if (task !== undefined) tx.put('tasks', { ...task, ...changes });
    });
  const removeTask = (id: string) => change((tx) => tx.remove('tasks', id as TaskId));
  return { tracker, change, addTask, putTask, removeTask };
}

/** A change in short: `+` and `-` with the names of items by kind. */
function brief(change: AssignmentChange | undefined): readonly string[] {
  if (change === undefined) return [];
  const { tasks, networks, endpoints, projects, volumes, files } = change.upsert;
  const added = [
    ...(tasks ?? []).map(({ id }) => `task ${id}`),
    ...(networks ?? []).map(({ name }) => `network ${name}`),
    ...(endpoints ?? []).map(({ id }) => `endpoint ${id}`),
    ...(projects ?? []).map(({ project }) => `project ${project}`),
    ...(volumes ?? []).map(({ name }) => `volume ${name}`),
    ...(files ?? []).map(({ kind, name }) => `${kind} ${name}`),
  ];
  const removed = Object.entries(change.remove).flatMap(([kind, ids]) =>
    (ids as readonly string[]).map((id) => `${kind} ${id}`),
  );
  return [...added.map((name) => `+${name}`), ...removed.map((name) => `-${name}`)].sort();
}

test('a task is sent with everything that its node needs to run it', async (t) => {
  const { tracker, addTask } = await cluster();
  await addTask('t1', {
    ...{ notBefore: 3_500, stopTimeoutMs: 7, adopts: 'old' },
    ...onFront,
  });
  const [task] = tracker.open(w1).tasks;
  const expected = aTask(aService('web'), 1, { id: 't1' });
  t.deepEqual(task, {
    id: 't1' as TaskId,
    serviceId: expected.serviceId,
    project: 'demo',
    service: 'web',
    slot: 1,
    spec: expected.spec,
    taskHash: expected.taskHash,
    configHash: 'config',
    containerName: 'demo-web-1',
    desired: 'running',
    attachments: [attachment],
    adopts: 'old' as TaskId,
    startDelayMs: 2_500,
    stopTimeoutMs: 7,
  });
});

test('a delay that lies before the creation of its task is none', async (t) => {
  const { tracker, addTask } = await cluster();
  await addTask('t1', { notBefore: 400 });
  const [task] = tracker.open(w1).tasks;
  t.is(task?.startDelayMs, 0);
  for (const key of ['adopts', 'stopTimeoutMs']) t.false(Object.hasOwn(task ?? {}, key));
});

test('a full set holds networks, endpoints, projects, volumes and files of its tasks', async (t) => {
  const { tracker, addTask } = await cluster((tx) => {
    const spec = { project: 'demo', key: 'x', labels: {} };
    tx.create('volumes', aVolume('data', ['w1']));
    tx.create('secrets', { id: 's1' as SecretId, spec: { ...spec, name: 'key' }, data: 'a2V5' });
    tx.create('configs', {
      id: 'c1' as ConfigId,
      spec: { ...spec, name: 'a/b' },
      data: 'Y29uZg==',
    });
  });
  const container = {
    mounts: [mount('data'), mount(), mount('unknown')],
    files: [file('secret', 'key'), file('config', 'a/b'), file('config', 'unknown')],
  };
  await addTask('t1', onFront, { task: { container } });
  await addTask('t2', { ...onFront, node: 'w2' });
  const set = tracker.open(w1);
  t.like(set, { clusterId: 'c1', nodeId: w1, sequence: 1 });
  t.deepEqual(set.networks, [
    {
      ...{ id: front.id, name: 'front', project: 'demo', key: 'front', vni: 4096 },
      ...{ subnet: '10.0.0.0/24', gateway: '10.0.0.1', internal: false, labels: {} },
    },
  ]);
  t.deepEqual(
    set.endpoints.map(({ id, vtep }) => `${id} ${vtep}`),
    ['t1/n-front 192.0.2.1', 't2/n-front 192.0.2.2'],
  );
  t.deepEqual(set.projects, [{ project: 'demo', services: [] }]);
  t.deepEqual(set.volumes, [aVolume('data').spec]);
  t.deepEqual(set.files, [
    { id: 's1' as SecretId, kind: 'secret', name: 'key', data: 'a2V5' },
    { id: 'c1' as ConfigId, kind: 'config', name: 'a/b', data: 'Y29uZg==' },
  ]);
});

test('a node without tasks has an empty set, and changes count from there', async (t) => {
  const { tracker, addTask } = await cluster();
  t.deepEqual(tracker.open(w1), {
    ...{ clusterId: 'c1', nodeId: w1, sequence: 0 },
    ...{ tasks: [], networks: [], endpoints: [], projects: [], volumes: [], files: [] },
  });
  await addTask('t1');
  t.is(tracker.take(w1)?.sequence, 1);
  await addTask('t2');
  t.is(tracker.take(w1)?.sequence, 2);
});

test('objects are sent with the first task that uses them and leave with the last', async (t) => {
  const { tracker, addTask, removeTask } = await cluster((tx) => {
    tx.create('volumes', aVolume('data', ['w1']));
  });
  tracker.open(w1);
  const service = { task: { container: { mounts: [mount('data')] } } };
  await addTask('t1', onFront, service);
  t.deepEqual(brief(tracker.take(w1)), [
    ...['+endpoint t1/n-front', '+network front', '+project demo', '+task t1', '+volume data'],
  ]);
  await addTask('t2', onFront, service);
  t.deepEqual(brief(tracker.take(w1)), ['+endpoint t2/n-front', '+task t2']);
  await removeTask('t1');
  t.deepEqual(brief(tracker.take(w1)), ['-endpoints t1/n-front', '-tasks t1']);
  await removeTask('t2');
  t.deepEqual(brief(tracker.take(w1)), [
    '-endpoints t2/n-front',
    '-networks n-front',
    '-projects demo',
    '-tasks t2',
    '-volumes data',
  ]);
});

test('objects that pass from one task to the next are neither removed nor sent again', async (t) => {
  const { tracker, addTask, removeTask } = await cluster((tx) => {
    tx.create('volumes', aVolume('data', ['w1']));
  });
  const service = { task: { container: { mounts: [mount('data')] } } };
  await addTask('t1', onFront, service);
  tracker.open(w1);
  await removeTask('t1');
  await addTask('t2', onFront, service);
  t.deepEqual(brief(tracker.take(w1)), [
    '+endpoint t2/n-front',
    '+task t2',
    '-endpoints t1/n-front',
    '-tasks t1',
  ]);
});

test('a task without a network of the cluster needs no names of its project', async (t) => {
  const { tracker, addTask } = await cluster();
  await addTask('t1');
  t.deepEqual(tracker.open(w1).projects, []);
});

test('a task is sent again only if what its node knows of it has changed', async (t) => {
  const { tracker, addTask, putTask } = await cluster();
  await addTask('t1', onFront);
  tracker.open(w1);
  await putTask('t1', { status: { state: 'running', at: 9, message: 'x' } });
  t.is(tracker.take(w1), undefined);
  await putTask('t1', { stopTimeoutMs: 5 });
  t.deepEqual(brief(tracker.take(w1)), ['+task t1']);
  await putTask('t1', { desired: 'shutdown' });
  t.deepEqual(brief(tracker.take(w1)), ['+task t1']);
});

test('endpoints of other nodes follow their tasks, and only on networks that the node has', async (t) => {
  const { tracker, addTask, putTask } = await cluster();
  await addTask('t1', onFront);
  tracker.open(w1);
  await addTask('far', { ...onFront, node: 'w2' });
  t.deepEqual(brief(tracker.take(w1)), ['+endpoint far/n-front']);
  await putTask('far', { status: { state: 'running', at: 1, message: '', startedAt: 1 } });
  t.true(tracker.take(w1)?.upsert.endpoints?.[0]?.up);
  await putTask('far', { status: { state: 'running', at: 2, message: 'same', startedAt: 1 } });
  t.is(tracker.take(w1), undefined);
  await putTask('far', { attachments: [{ ...attachment, address: '10.0.0.10' }] });
  t.is(tracker.take(w1)?.upsert.endpoints?.[0]?.address, '10.0.0.10');
  await putTask('far', { attachments: [] });
  t.deepEqual(brief(tracker.take(w1)), ['-endpoints far/n-front']);
  tracker.open(w2);
  await putTask('t1', { containerName: 'renamed' });
  t.is(tracker.take(w2), undefined, 'a node without the network has no endpoints on it');
});

test('a network is sent again with its new subnet or gateway, and not for its other fields', async (t) => {
  const { tracker, addTask, change } = await cluster();
  await addTask('t1', onFront);
  tracker.open(w1);
  const put = (changes: object) =>
    change((tx) => {
      const network = tx.get('networks', front.id);
      if (network !== undefined) tx.put('networks', { ...network, ...changes });
    });
  await put({ removing: true });
  t.deepEqual(tracker.dirtyNodes(), []);
  await put({ subnet: '10.1.0.0/24' });
  t.is(tracker.take(w1)?.upsert.networks?.[0]?.subnet, '10.1.0.0/24');
  await put({ vni: 5000 });
  t.is(tracker.take(w1)?.upsert.networks?.[0]?.vni, 5000);
  await put({ spec: { ...front.spec, internal: true } });
  t.true(tracker.take(w1)?.upsert.networks?.[0]?.internal);
  await change((tx) => tx.remove('leases', addressLeaseId(front.id, '10.0.0.1')));
  t.is(tracker.take(w1), undefined, 'a network that lost its gateway stays as it was');
  await change((tx) => tx.create('leases', gatewayOf(w1, '10.0.0.7')));
  t.is(tracker.take(w1)?.upsert.networks?.[0]?.gateway, '10.0.0.7');
});

test('a task waits for the number of its network, and is sent once the network has it', async (t) => {
  const { tracker, addTask, change } = await cluster((tx) => {
    tx.put('networks', { ...(tx.get('networks', front.id) ?? front), vni: 0 });
  });
  tracker.open(w1);
  await addTask('t1', onFront);
  t.is(tracker.take(w1), undefined);
  await change((tx) => {
    const network = tx.get('networks', front.id);
    if (network !== undefined) tx.put('networks', { ...network, vni: 4097 });
  });
  t.true(brief(tracker.take(w1)).includes('+task t1'));
});

test('tasks that are not assigned, on another node, orphaned or removed are not in the set', async (t) => {
  const { tracker, addTask } = await cluster();
  await addTask('pending', { state: 'pending' });
  await addTask('far', { node: 'w2' });
  await addTask('orphaned', { state: 'orphaned' });
  await addTask('gone', { state: 'failed', desired: 'remove' });
  await addTask('leaving', { state: 'running', desired: 'remove' });
  await addTask('ended', { state: 'failed' });
  t.deepEqual(
    tracker
      .open(w1)
      .tasks.map(({ id }) => id)
      .sort(),
    ['ended', 'leaving'] as TaskId[],
  );
});

test('an ended task keeps its network while its container exists, but never its secrets', async (t) => {
  const { tracker, addTask, putTask } = await cluster((tx) => {
    const spec = { project: 'demo', key: 'x', labels: {}, name: 'key' };
    tx.create('secrets', { id: 's1' as SecretId, spec, data: 'a2V5' });
  });
  await addTask('t1', onFront, { task: { container: { files: [file('secret', 'key')] } } });
  tracker.open(w1);
  const ended = { state: 'failed', at: 1, message: '' } as const;
  await putTask('t1', { status: { ...ended, containerId: 'c1' } });
  t.deepEqual(brief(tracker.take(w1)), ['-endpoints t1/n-front', '-files s1']);
  await putTask('t1', { status: ended });
  t.deepEqual(brief(tracker.take(w1)), ['-networks n-front', '-projects demo']);
});

test('a closed node gets nothing, and the others keep what they follow', async (t) => {
  const { tracker, addTask } = await cluster();
  await addTask('t1', onFront);
  await addTask('t2', { ...onFront, node: 'w2' });
  tracker.open(w1);
  tracker.open(w2);
  tracker.close(w1);
  await addTask('t3', { ...onFront, node: 'w2' });
  t.deepEqual(tracker.dirtyNodes(), [w2]);
  t.is(tracker.take(w1), undefined);
  t.deepEqual(brief(tracker.take(w2)), ['+endpoint t3/n-front', '+task t3']);
});

test('every node on a network hears of a node that goes down, and of its new address', async (t) => {
  const { tracker, addTask, change } = await cluster();
  await addTask('t1', onFront);
  await addTask('t2', { ...onFront, node: 'w2' });
  tracker.open(w1);
  const putNode = (state: 'ready' | 'down', address: string) =>
    change((tx) => {
      const node = tx.get('nodes', w2);
      if (node === undefined) return;
      const description = { ...node.description, address };
      tx.put('nodes', { ...node, description, status: { ...node.status, state } });
    });
  await putNode('ready', '192.0.2.9');
  t.is(tracker.take(w1)?.upsert.endpoints?.[0]?.vtep, '192.0.2.9');
  await putNode('down', '192.0.2.9');
  t.deepEqual(brief(tracker.take(w1)), ['-endpoints t2/n-front']);
  await putNode('ready', '192.0.2.9');
  t.deepEqual(brief(tracker.take(w1)), ['+endpoint t2/n-front']);
});

test('a task that stops after its node was down is not reached again', async (t) => {
  const { tracker, addTask, change, putTask } = await cluster((tx) => {
    tx.put('nodes', {
      ...(tx.get('nodes', w2) ?? aNode(w2)),
      status: aNode(w2, { state: 'down' }).status,
    });
    tx.create(
      'tasks',
      aTask(aService('web'), 2, { ...onFront, id: 'lost', node: 'w2', desired: 'shutdown' }),
    );
  });
  await addTask('t1', onFront);
  tracker.open(w1);
  await change((tx) => {
    const node = tx.get('nodes', w2);
    if (node !== undefined) tx.put('nodes', { ...node, status: aNode(w2).status });
  });
  t.is(tracker.take(w1), undefined);
  await addTask('new', { ...onFront, node: 'w2' });
  await putTask('new', { desired: 'shutdown' });
  t.deepEqual(brief(tracker.take(w1)), ['+endpoint new/n-front'], 'its node was up all the time');
});

test('names and networks that change while their last task leaves are not sent', async (t) => {
  const { tracker, addTask, removeTask, change } = await cluster();
  await addTask('t1', onFront);
  tracker.open(w1);
  await change((tx) => {
    tx.create('services', aService('db'));
    const network = tx.get('networks', front.id);
    if (network !== undefined) tx.put('networks', { ...network, subnet: '10.1.0.0/24' });
  });
  await removeTask('t1');
  t.deepEqual(brief(tracker.take(w1)), [
    '-endpoints t1/n-front',
    '-networks n-front',
    '-projects demo',
    '-tasks t1',
  ]);
});
