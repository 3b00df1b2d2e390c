import { setImmediate as nextTick } from 'node:timers/promises';
import test from 'ava';
import { aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import { AppError } from '../../../manager/common/base/errors.js';
import type { ContainerSpec } from '../../../manager/common/model/container.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import type { Volume } from '../../../manager/common/model/network.js';
import type { WorkerCalls } from '../../../manager/common/protocol/worker-calls.js';
import { removableVolumes, VolumeRemoval } from '../../../manager/dispatcher/volume-removal.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { recordingLogger } from '../../helpers/fakes/recording-logger.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const w1 = 'w1' as NodeId;
const removing = (name: string, nodes: readonly string[] = []): Volume => ({
  ...aVolume(name, nodes),
  removing: true,
});
const taskWith = (...mounts: ContainerSpec['mounts']) =>
  aTask(aService('web', { task: { container: { mounts } } }), 1);
const volumeMount = (source: string) =>
  ({ type: 'volume', source, target: '/data', readOnly: false, noCopy: false }) as const;

/** Nodes w1 and w2, and the removal, which is not started yet. */
async function setUp(
  volumes: readonly Volume[] = [],
  tasks: readonly ReturnType<typeof aTask>[] = [],
) {
  const clock = new ManualClock();
  const store = await openTestStore(clock);
  await store.update('restore', (tx) => {
    for (const id of ['w1', 'w2']) tx.create('nodes', aNode(id));
    for (const volume of volumes) tx.create('volumes', volume);
    for (const task of tasks) tx.create('tasks', task);
  });
  const removed: string[] = [];
  const offline = new Set<string>();
  const worker = { answer: (): Promise<null> => Promise.resolve(null) };
  const calls = {
    call: (nodeId: string, name: string, args: object, signal: AbortSignal) => {
      removed.push(`${nodeId} ${name} ${JSON.stringify(args)}`);
      return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new AppError('cancelled', 'aborted')));
        worker.answer().then(resolve, reject);
      });
    },
  } as unknown as WorkerCalls;
  const { log, lines } = recordingLogger();
  const isConnected = (nodeId: NodeId): boolean => !offline.has(nodeId);
  const removal = new VolumeRemoval({ store, clock, log, calls, isConnected });
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    for (let turn = 0; turn < 5; turn += 1) await nextTick();
  };
  const volumesLeft = () =>
    store.view.list('volumes').map(({ spec, nodeIds }) => [spec.name, ...nodeIds].join(' '));
  return { store, removal, removed, offline, worker, lines, advance, volumesLeft };
}

const call = (node: string, name: string): string =>
  `${node} removeVolume ${JSON.stringify({ name })}`;

test('a volume is removable once it is marked and no task mounts it', async (t) => {
  const place = { source: 'bound', target: '/b', readOnly: false };
  const bind = { type: 'bind', ...place, createHostPath: false } as const;
  const anonymous = { type: 'volume', target: '/c', readOnly: false, noCopy: false } as const;
  const { store } = await setUp(
    [aVolume('kept'), removing('used'), removing('bound'), removing('free')],
    [taskWith(volumeMount('used'), bind, anonymous)],
  );
  t.deepEqual(
    removableVolumes(store.view).map(({ spec }) => spec.name),
    ['bound', 'free'],
  );
});

test('a volume is removed from each of its nodes, then its record', async (t) => {
  const { removal, removed, advance, volumesLeft } = await setUp([
    removing('data', ['w1', 'w2']),
    aVolume('kept', ['w1']),
  ]);
  removal.start();
  await advance(20);
  t.deepEqual(removed, [call('w1', 'data'), call('w2', 'data')]);
  t.deepEqual(volumesLeft(), ['kept w1']);
  await removal.stop();
});

test('a volume without a node is removed at once', async (t) => {
  const { removal, removed, advance, volumesLeft } = await setUp([removing('data')]);
  removal.start();
  await advance(20);
  t.deepEqual(volumesLeft(), []);
  t.deepEqual(removed, []);
  await removal.stop();
});

test('a volume that is marked, or whose last task is removed, is removed at once', async (t) => {
  const task = taskWith(volumeMount('used'));
  const { store, removal, removed, advance } = await setUp(
    [removing('used', ['w1']), aVolume('data', ['w1'])],
    [task],
  );
  removal.start();
  await advance(20);
  t.deepEqual(removed, []);
  await store.update('control', (tx) => {
    const volume = tx.volumeByName('data');
    if (volume !== undefined) tx.put('volumes', { ...volume, removing: true });
  });
  await advance(20);
  t.deepEqual(removed, [call('w1', 'data')]);
  await store.update('orchestrator', (tx) => tx.remove('tasks', task.id));
  await advance(20);
  t.deepEqual(removed, [call('w1', 'data'), call('w1', 'used')]);
  await removal.stop();
});

test('a disconnected node is waited for; the volume is forgotten on the others meanwhile', async (t) => {
  const { removal, removed, offline, advance, volumesLeft } = await setUp([
    removing('data', ['w1', 'w2']),
  ]);
  offline.add('w2');
  removal.start();
  await advance(20);
  t.deepEqual(removed, [call('w1', 'data')]);
  t.deepEqual(volumesLeft(), ['data w2']);
  await advance(5_020);
  t.is(removed.length, 1);
  offline.clear();
  await advance(5_020);
  t.deepEqual(removed, [call('w1', 'data'), call('w2', 'data')]);
  t.deepEqual(volumesLeft(), []);
  await removal.stop();
});

test('nothing is written while no node could remove the volume', async (t) => {
  const { store, removal, offline, advance } = await setUp([removing('data', ['w1'])]);
  offline.add('w1');
  const { index } = store.view;
  removal.start();
  await advance(20);
  t.is(store.view.index, index);
  await removal.stop();
});

test('a node that refuses is logged and asked again', async (t) => {
  const { removal, removed, worker, lines, advance, volumesLeft } = await setUp([
    removing('data', ['w1']),
  ]);
  worker.answer = () => Promise.reject(new AppError('conflict', 'volume is in use'));
  removal.start();
  await advance(20);
  t.deepEqual(lines, ['warn: cannot remove volume data: volume is in use; retrying']);
  t.deepEqual(volumesLeft(), ['data w1']);
  worker.answer = () => Promise.resolve(null);
  await advance(5_020);
  t.is(removed.length, 2);
  t.deepEqual(volumesLeft(), []);
  await removal.stop();
});

test('a node that does not answer within 30 s is asked again', async (t) => {
  const { removal, worker, lines, advance } = await setUp([removing('data', ['w1'])]);
  worker.answer = () => new Promise(() => undefined);
  removal.start();
  await advance(20);
  await advance(29_999);
  t.deepEqual(lines, []);
  await advance(1);
  t.deepEqual(lines, [
    'warn: cannot remove volume data: its node did not answer in time; retrying',
  ]);
  await removal.stop();
});

test('external volumes stay on their nodes, and removed nodes are not asked', async (t) => {
  const shared = removing('shared', ['w1']);
  const { removal, removed, advance, volumesLeft } = await setUp([
    { ...shared, spec: { ...shared.spec, external: true } },
    removing('lost', ['w9']),
  ]);
  removal.start();
  await advance(20);
  t.deepEqual(removed, []);
  t.deepEqual(volumesLeft(), []);
  await removal.stop();
});

test('a volume that changes during its removal keeps its new nodes, or stays entirely', async (t) => {
  const { store, removal, worker, advance, volumesLeft } = await setUp([
    removing('grown', ['w1']),
    removing('kept', ['w1']),
  ]);
  worker.answer = async () => {
    await store.update('restore', (tx) => {
      const [grown, kept] = [tx.volumeByName('grown'), tx.volumeByName('kept')];
      if (grown?.nodeIds.length === 1)
        tx.put('volumes', { ...grown, nodeIds: [w1, 'w2' as NodeId] });
      if (kept?.removing === true) tx.put('volumes', { ...kept, removing: false });
    });
    return null;
  };
  removal.start();
  await advance(20);
  t.deepEqual(volumesLeft(), ['grown w2', 'kept w1']);
  await removal.stop();
});

test('a stopped removal asks no node, also not at the next sweep', async (t) => {
  const { store, removal, removed, advance } = await setUp();
  removal.start();
  await removal.stop();
  await store.update('restore', (tx) => tx.create('volumes', removing('data', ['w1'])));
  await advance(60_000);
  t.deepEqual(removed, []);
});
