import test from 'ava';
import { aService, aTask } from '../../../../fixtures/cluster/build.js';
import type { Task } from '../../../../manager/common/model/task.js';
import { isMet } from '../../../../manager/gateway/handlers/wait.js';

const service = aService('web');
const taskWith = (status: Partial<Task['status']>): Task =>
  aTask(service, 1, { status: { state: 'running', startedAt: 1, ...status } });

test('a wait for the end of a container ends when its engine restarts it', (t) => {
  const first = taskWith({ restarts: 1 });
  for (const condition of ['not-running', 'next-exit'] as const) {
    t.false(isMet(condition, first, first));
    t.true(isMet(condition, first, taskWith({ restarts: 2 })));
    const { startedAt: _none, ...status } = first.status;
    t.true(isMet(condition, first, { ...first, status }));
  }
  t.false(isMet('removed', first, taskWith({ restarts: 2 })));
});

test('a container that is not running has ended, but its next exit is to come', (t) => {
  const ended = taskWith({ state: 'failed' });
  t.true(isMet('not-running', ended, ended));
  t.false(isMet('next-exit', ended, ended));
  t.true(isMet('removed', ended, undefined));
});
