import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { ServiceOptions } from '../../../fixtures/cluster/build.js';
import type { ImageId, NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import { AssignmentTracker } from '../../../manager/dispatcher/assignments/assignment-tracker.js';
import type { Transaction } from '../../../manager/store/store.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const [w1, w2] = ['w1' as NodeId, 'w2' as NodeId];

/** A node without tasks. */
async function cluster() {
  const store = await openTestStore();
  const tracker = new AssignmentTracker(store.view, 'c1');
  store.watch((commit) => {
    tracker.applyCommit(commit);
  });
  const change = (write: (tx: Transaction) => unknown): Promise<unknown> =>
    store.update('restore', write);
  await change((tx) => tx.create('nodes', aNode(w1)));
  const addTask = (id: string, service: ServiceOptions = {}) =>
    change((tx) =>
      tx.create('tasks', aTask(aService('web', service), 1, { id, node: 'w1', state: 'assigned' })),
    );
  return { tracker, change, addTask };
}

test('a task is sent with the recorded content of its image, and keeps it', async (t) => {
  const { tracker, addTask, change } = await cluster();
  const id = 'busybox:latest' as ImageId;
  const contents = { 'linux/amd64': 'sha256:a', 'linux/arm64': 'sha256:b' };
  await change((tx) => tx.create('images', { id, contents, source: 'client', nodeId: w2 }));
  await addTask('t1');
  const idsOf = (tasks: readonly AssignedTask[] | undefined) => tasks?.map((task) => task.imageId);
  t.deepEqual(idsOf(tracker.open(w1).tasks), ['sha256:a']);
  await change((tx) => {
    const known = tx.get('images', id);
    if (known !== undefined) tx.put('images', { ...known, contents: { 'linux/amd64': 'new' } });
  });
  await change((tx) => {
    const task = tx.get('tasks', 't1' as TaskId);
    if (task !== undefined) tx.put('tasks', { ...task, desired: 'shutdown' });
  });
  await addTask('t2');
  const sent = tracker.take(w1)?.upsert.tasks;
  t.deepEqual(idsOf(sent), ['sha256:a', 'new']);
});

test('a task is not bound to a content that no client has recorded, or if it always pulls', async (t) => {
  const { tracker, addTask, change } = await cluster();
  const record = { contents: { 'linux/amd64': 'sha256:a' }, nodeId: w2 };
  await change((tx) => {
    tx.create('images', { id: 'busybox:latest' as ImageId, ...record, source: 'copy' });
    tx.create('images', { id: 'app:1' as ImageId, ...record, source: 'client' });
  });
  await addTask('t1');
  await addTask('t2', { task: { container: { image: 'app:1', pullPolicy: 'always' } } });
  t.deepEqual(
    tracker.open(w1).tasks.filter((task) => 'imageId' in task),
    [],
  );
});

test('the content of another platform binds no task, unless the task wants that platform', async (t) => {
  const { tracker, addTask, change } = await cluster();
  const contents = { 'linux/arm64': 'sha256:b' };
  const record = { contents, source: 'client', nodeId: w2 } as const;
  await change((tx) => tx.create('images', { id: 'app:1' as ImageId, ...record }));
  const image = 'app:1';
  await addTask('t1', { task: { container: { image } } });
  await addTask('t2', { task: { container: { image, platform: 'linux/arm64/v8' } } });
  const [own, foreign] = tracker.open(w1).tasks;
  t.false('imageId' in (own ?? {}));
  t.is(foreign?.imageId, 'sha256:b');
});
