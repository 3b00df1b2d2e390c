import test from 'ava';
import { applyWatch, emptyWatchedState } from '../../../../cli/client/watched.js';
import type { WatchedState } from '../../../../cli/client/watched.js';
import { newlyEnded, withoutNewTasks } from '../../../../cli/rollout/follow/exits.js';
import { aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';
import type { Task } from '../../../../manager/common/model/task.js';

const web = aService('web');
const services = new Set(['web']);

function seen(...tasks: readonly Task[]): WatchedState {
  const empty = { networks: [], volumes: [] };
  const snapshot = { services: [web], nodes: [aNode('n1')], tasks, ...empty };
  return applyWatch(emptyWatchedState, { kind: 'snapshot', ...snapshot });
}

function ended(id: string, exitCode?: number): Task {
  const task = aTask(web, 1, {
    id,
    node: 'n1',
    state: exitCode === undefined ? 'rejected' : 'failed',
  });
  return { ...task, status: { ...task.status, ...(exitCode === undefined ? {} : { exitCode }) } };
}

const idsOf = (tasks: readonly Task[]): readonly string[] => tasks.map(({ id }) => id);

test('a task that ends between two states is reported once', (t) => {
  const running = seen(aTask(web, 1, { id: 't1', node: 'n1' }));
  const over = seen(ended('t1', 42));
  t.deepEqual(idsOf(newlyEnded(running, over, services)), ['t1']);
  t.deepEqual(idsOf(newlyEnded(over, over, services)), []);
});

test('a job that ended before all services were up is reported first', (t) => {
  const before = seen(ended('old', 1));
  const started = seen(ended('old', 1), ended('job', 42));
  const known = withoutNewTasks(before, started);
  t.deepEqual(idsOf(newlyEnded(known, started, services)), ['job']);
});

test('a task that a node rejected does not count as ended', (t) => {
  t.deepEqual(newlyEnded(seen(), seen(ended('t1')), services), []);
});
