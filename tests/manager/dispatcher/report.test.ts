import test from 'ava';
import fc from 'fast-check';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import type { TaskStatus } from '../../../manager/common/model/task.js';
import { isTerminal, stateRank, taskStates } from '../../../manager/common/model/task-state.js';
import { applyReport } from '../../../manager/dispatcher/report.js';

const n1 = 'n1' as NodeId;
const task = aTask(aService('web'), 1, {
  node: 'n1',
  status: { containerId: 'c1', startedAt: 5, command: ['sh'] },
});
const reported = (changes: Partial<TaskStatus>, on: NodeId = n1): TaskStatus | undefined =>
  applyReport(task, on, { ...task.status, ...changes })?.status;

test('a report of the owner becomes the status of its task', (t) => {
  t.deepEqual(reported({ state: 'failed', exitCode: 3 }), {
    ...task.status,
    state: 'failed',
    exitCode: 3,
  });
});

test('reports on unknown tasks and on tasks of other nodes are ignored', (t) => {
  t.is(applyReport(undefined, n1, { ...task.status, state: 'failed' }), undefined);
  t.is(reported({ state: 'failed' }, 'n2' as NodeId), undefined);
});

test('a report that changes nothing but its time is ignored', (t) => {
  t.is(reported({}), undefined);
  t.is(reported({ at: 99 }), undefined);
  t.is(reported({ command: ['sh'] }), undefined);
  t.is(reported({ ports: [] }), undefined, 'no ports are like unknown ports');
});

test('every other change of a status is taken over', (t) => {
  t.like(reported({ health: 'healthy' }), { health: 'healthy' });
  t.like(reported({ command: ['sh', '-c'] }), { command: ['sh', '-c'] });
  t.like(reported({ restarts: 1 }), { restarts: 1 });
  const { startedAt: _startedAt, ...restarting } = task.status;
  t.deepEqual(applyReport(task, n1, restarting)?.status, restarting);
  t.deepEqual(applyReport({ ...task, status: restarting }, n1, task.status)?.status, task.status);
});

test('a status only moves forward, and never after the end', (t) => {
  const states = fc.constantFrom(...taskStates);
  fc.assert(
    fc.property(states, states, (from, to) => {
      const before = { ...task, status: { ...task.status, state: from } };
      const after = applyReport(before, n1, { ...task.status, state: to, message: 'new' });
      if (after === undefined) return true;
      return !isTerminal(from) && stateRank(to) >= stateRank(from);
    }),
  );
  const ended = { ...task, status: { ...task.status, state: 'failed' as const } };
  t.is(applyReport(ended, n1, { ...ended.status, message: 'again' }), undefined);
});
