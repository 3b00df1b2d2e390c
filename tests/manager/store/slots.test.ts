import test from 'ava';
import fc from 'fast-check';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { Task } from '../../../manager/common/model/task.js';
import { desiredStates, taskStates } from '../../../manager/common/model/task-state.js';
import {
  byNewest,
  currentTask,
  isAvailable,
  isNodeLost,
  isShuttingDown,
  isWanted,
  tasksBySlot,
  wasRejected,
} from '../../../manager/store/slots.js';

const web = aService('web');

const anyTask: fc.Arbitrary<Task> = fc
  .record({
    slot: fc.integer({ min: 1, max: 3 }),
    id: fc.stringMatching(/^[a-c]{1,3}$/),
    createdAt: fc.nat(3),
    desired: fc.constantFrom(...desiredStates),
    state: fc.constantFrom(...taskStates),
  })
  .map(({ slot, ...options }) => aTask(web, slot, { ...options, node: 'n1' }));

const anyTasks = fc.uniqueArray(anyTask, { selector: ({ id }) => id, maxLength: 12 });

test('every task is in its slot once, the newest first and of equal age the greater id first', (t) => {
  fc.assert(
    fc.property(anyTasks, (tasks) => {
      const slots = tasksBySlot(tasks);
      t.is([...slots.values()].flat().length, tasks.length);
      for (const [slot, members] of slots) {
        t.true(members.every((task) => task.slot === slot && tasks.includes(task)));
        for (const [at, task] of members.slice(1).entries()) {
          const newer = members[at];
          if (newer === undefined) t.fail();
          else if (newer.createdAt === task.createdAt) t.true(newer.id > task.id);
          else t.true(newer.createdAt > task.createdAt);
        }
      }
    }),
  );
});

test('a task has the same age as itself', (t) => {
  const task = aTask(web, 1);
  t.is(byNewest(task, { ...task }), 0);
});

test('the current task of a slot is the first that is not to end', (t) => {
  const of = (id: string, desired: Task['desired']): Task => aTask(web, 1, { id, desired });
  for (const desired of ['ready', 'running', 'complete'] as const) {
    const wanted = of('b', desired);
    t.true(isWanted(wanted));
    t.is(currentTask([of('c', 'shutdown'), wanted, of('a', 'running')]), wanted);
  }
  t.is(currentTask([of('c', 'shutdown'), of('d', 'remove')]), undefined);
});

test('a task is shutting down until its end is confirmed', (t) => {
  const of = (desired: Task['desired'], state: Task['status']['state']): Task =>
    aTask(web, 1, { desired, state });
  t.true(isShuttingDown(of('shutdown', 'running')));
  t.true(isShuttingDown(of('remove', 'assigned')));
  t.false(isShuttingDown(of('shutdown', 'shutdown')));
  t.false(isShuttingDown(of('remove', 'orphaned')));
  t.false(isShuttingDown(of('running', 'running')));
});

test('a task is available while it runs and no health check says otherwise', (t) => {
  const running = (status: Partial<Task['status']>): Task =>
    aTask(web, 1, { state: 'running', status });
  t.true(isAvailable(running({})));
  t.true(isAvailable(running({ health: 'healthy' })));
  t.false(isAvailable(running({ health: 'starting' })));
  t.false(isAvailable(running({ health: 'unhealthy' })));
  t.false(isAvailable(aTask(web, 1, { state: 'starting' })));
  t.false(isAvailable(aTask(web, 1, { state: 'complete', status: { health: 'healthy' } })));
});

test('a node is lost if it is removed or down', (t) => {
  t.true(isNodeLost(undefined));
  t.true(isNodeLost(aNode('n1', { state: 'down' })));
  t.false(isNodeLost(aNode('n1', { state: 'ready' })));
});

test('a task that failed without a start and an exit code was rejected', (t) => {
  const of = (state: Task['status']['state'], status: Partial<Task['status']> = {}): Task =>
    aTask(web, 1, { state, status });
  t.true(wasRejected(of('rejected', { startedAt: 1, exitCode: 1 })));
  t.true(wasRejected(of('failed')));
  t.false(wasRejected(of('failed', { startedAt: 1 })));
  t.false(wasRejected(of('failed', { exitCode: 127 })));
  t.false(wasRejected(of('complete')));
});
