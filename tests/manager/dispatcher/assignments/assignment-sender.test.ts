import { setImmediate as nextTick } from 'node:timers/promises';
import test from 'ava';
import { aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';
import type { NodeId, TaskId } from '../../../../manager/common/model/ids.js';
import type { AssignmentChange } from '../../../../manager/common/protocol/assignments.js';
import { AssignmentSender } from '../../../../manager/dispatcher/assignments/assignment-sender.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';
import { aSession } from '../../../helpers/fakes/worker-session.js';
import { openTestStore } from '../../../helpers/stores/memory-store.js';

const w1 = 'w1' as NodeId;

/** Node w1 with one task, and a sender that follows the store. */
async function setUp() {
  const store = await openTestStore();
  const addTask = (id: string) =>
    store.update('restore', (tx) =>
      tx.create('tasks', aTask(aService('web'), 1, { id, node: 'w1', state: 'assigned' })),
    );
  await store.update('restore', (tx) => tx.create('nodes', aNode('w1')));
  await addTask('t1');
  const clock = new ManualClock();
  const worker = aSession('w1');
  const connected = new Map([[w1, worker.session]]);
  const sender = new AssignmentSender({
    view: store.view,
    clock,
    clusterId: 'c1',
    tickMs: 10,
    session: (nodeId) => connected.get(nodeId),
  });
  store.watch((commit) => {
    sender.applyCommit(commit);
    sender.flush();
  });
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await nextTick();
  };
  return { store, addTask, worker, connected, sender, advance };
}

/** The changes sent to a worker: sequence, new and removed tasks. */
function changesOf(posted: readonly { readonly kind: string }[]): readonly string[] {
  return posted
    .filter(({ kind }) => kind === 'change')
    .map((message) => {
      const { change } = message as unknown as { change: AssignmentChange };
      const added = (change.upsert.tasks ?? []).map(({ id }) => `+${id}`);
      const removed = (change.remove.tasks ?? []).map((id) => `-${id}`);
      return [change.sequence, ...added, ...removed].join(' ');
    });
}

test('a node gets its full set first, then the changes of each tick', async (t) => {
  const { store, addTask, worker, sender, advance } = await setUp();
  sender.open(worker.session);
  t.like(worker.posted[0], { kind: 'assignments', set: { clusterId: 'c1', nodeId: 'w1' } });
  await addTask('t2');
  await advance(0);
  t.deepEqual(changesOf(worker.posted), ['2 +t2']);
  await addTask('t3');
  await addTask('t4');
  await store.update('orchestrator', (tx) => tx.remove('tasks', 't2' as TaskId));
  await advance(10);
  t.deepEqual(changesOf(worker.posted), ['2 +t2', '3 +t3 +t4 -t2']);
});

test('a change that leaves the set as it is sends nothing', async (t) => {
  const { store, worker, sender, advance } = await setUp();
  sender.open(worker.session);
  await store.update('restore', (tx) => {
    const task = tx.get('tasks', 't1' as TaskId);
    if (task !== undefined) tx.put('tasks', { ...task, status: { ...task.status, at: 9 } });
  });
  await advance(100);
  t.is(worker.posted.length, 1);
});

test('a closed node gets nothing more, and one without a session is skipped', async (t) => {
  const { addTask, worker, connected, sender, advance } = await setUp();
  sender.open(worker.session);
  connected.clear();
  await addTask('t2');
  await advance(100);
  connected.set(w1, worker.session);
  sender.close(w1);
  await addTask('t3');
  await advance(100);
  t.deepEqual(changesOf(worker.posted), []);
});

test('a stopped sender sends no scheduled change', async (t) => {
  const { addTask, worker, sender, advance } = await setUp();
  sender.open(worker.session);
  await addTask('t2');
  await sender.stop();
  await advance(100);
  t.deepEqual(changesOf(worker.posted), []);
});
