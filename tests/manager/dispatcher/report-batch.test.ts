import { setImmediate as nextTick } from 'node:timers/promises';
import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { TaskState } from '../../../manager/common/model/task-state.js';
import type { TaskReport } from '../../../manager/common/protocol/messages.js';
import { ReportBatch } from '../../../manager/dispatcher/report-batch.js';
import type { ClusterStore } from '../../../manager/store/store.js';
import { aStatus } from '../../helpers/fakes/fake-worker.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { recordingLogger } from '../../helpers/fakes/recording-logger.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const [w1, w2] = ['w1' as NodeId, 'w2' as NodeId];
const report = (id: string, state: TaskState): TaskReport => ({
  taskId: id as TaskId,
  status: aStatus(state),
});

/** Two assigned tasks of node w1; while `isBroken`, the store cannot write. */
async function setUp() {
  const clock = new ManualClock();
  const store = await openTestStore(clock);
  await store.update('restore', (tx) => {
    for (const [at, id] of ['t1', 't2'].entries())
      tx.create('tasks', aTask(aService('web'), at + 1, { id, node: 'w1', state: 'assigned' }));
  });
  const disk = { isBroken: false, writes: 0 };
  const update: ClusterStore['update'] = (actor, change) => {
    disk.writes += 1;
    return disk.isBroken ? Promise.reject(new Error('disk is full')) : store.update(actor, change);
  };
  const { log, lines } = recordingLogger();
  const broken: ClusterStore = { ...store, view: store.view, update };
  const batch = new ReportBatch({ store: broken, clock, log, tickMs: 10 });
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await nextTick();
  };
  const states = () => store.view.list('tasks').map(({ status }) => status.state);
  return { batch, advance, states, disk, lines };
}

test("a report from another node does not replace the owner's report in the same batch", async (t) => {
  const { batch, states } = await setUp();
  batch.add(w1, [report('t1', 'running')]);
  batch.add(w2, [report('t1', 'failed')]);
  await batch.stop();
  t.deepEqual(states(), ['running', 'assigned']);
});

test('the reports of a tick are one write, the newest for each task', async (t) => {
  const { batch, advance, states, disk } = await setUp();
  batch.add(w1, [report('t1', 'preparing'), report('t2', 'running')]);
  batch.add(w1, [report('t1', 'starting')]);
  await advance(0);
  t.deepEqual(states(), ['starting', 'running']);
  t.is(disk.writes, 1);
  await advance(100);
  t.is(disk.writes, 1, 'written reports are not written again');
});

test('a report on a task that the store does not know yet is kept and then ignored', async (t) => {
  const { batch, advance, states, lines } = await setUp();
  batch.add(w1, [report('unknown', 'running'), report('t1', 'running')]);
  await advance(0);
  t.deepEqual(states(), ['running', 'assigned']);
  t.deepEqual(lines, []);
});

test('reports that cannot be written are logged and written a second later', async (t) => {
  const { batch, advance, states, disk, lines } = await setUp();
  disk.isBroken = true;
  batch.add(w1, [report('t1', 'running')]);
  await advance(0);
  t.deepEqual(lines, ['error: cannot store task reports: disk is full; retrying']);
  disk.isBroken = false;
  await advance(999);
  t.deepEqual(states(), ['assigned', 'assigned']);
  await advance(1);
  t.deepEqual(states(), ['running', 'assigned']);
});

test('a newer report is not replaced by one that could not be written', async (t) => {
  const { batch, advance, states, disk } = await setUp();
  disk.isBroken = true;
  batch.add(w1, [report('t1', 'running'), report('t2', 'running')]);
  const failing = advance(0);
  batch.add(w1, [report('t1', 'failed')]);
  await failing;
  disk.isBroken = false;
  await advance(2_000);
  t.deepEqual(states(), ['failed', 'running']);
});

test('pending reports are written by the stop', async (t) => {
  const { batch, states, disk } = await setUp();
  batch.add(w1, [report('t2', 'running')]);
  await batch.stop();
  t.deepEqual(states(), ['assigned', 'running']);
  await batch.stop();
  t.is(disk.writes, 1, 'a stop without reports writes nothing');
});

test('more than half a million pending reports end the session that sends them', async (t) => {
  const { batch } = await setUp();
  const status = aStatus('running');
  const reports = Array.from({ length: 500_000 }, (_, at) => ({
    taskId: `x${String(at)}` as TaskId,
    status,
  }));
  t.notThrows(() => batch.add(w1, reports));
  t.throws(() => batch.add(w1, reports.slice(0, 1)), {
    message: 'too many pending task reports; the store is too slow',
  });
});
