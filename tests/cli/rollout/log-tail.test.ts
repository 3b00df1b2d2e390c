import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { applyWatch, emptyWatchedState } from '../../../cli/client/watched.js';
import { failedTasks } from '../../../cli/rollout/log-tail.js';

const web = aService('web', { replicas: 3 });
const task = (id: string, slot: number, options: object, createdAt: number) => ({
  ...aTask(web, slot, { id, ...options }),
  createdAt,
});

test('the newest failed task with a container is selected in each slot', (t) => {
  const containerId = 'c1';
  const tasks = [
    task('old', 1, { state: 'failed', status: { containerId, exitCode: 1 } }, 1),
    task('new', 1, { state: 'failed', status: { containerId, exitCode: 1 } }, 2),
    task('never-ran', 2, { state: 'rejected' }, 3),
    task('sick', 3, { status: { containerId, startedAt: 5, health: 'unhealthy' } }, 4),
    task('fine', 4, { status: { containerId, startedAt: 5 } }, 5),
  ];
  const state = applyWatch(emptyWatchedState, {
    kind: 'snapshot',
    services: [web],
    tasks,
    nodes: [],
    networks: [],
    volumes: [],
  });
  t.deepEqual(
    failedTasks({ services: ['web'] }, state).map(({ id }) => id as string),
    ['sick', 'new'],
  );
  t.deepEqual(failedTasks({ services: ['other'] }, state), []);
});
