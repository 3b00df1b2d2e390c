import test from 'ava';
import fc from 'fast-check';
import type { Actor } from '../../../../manager/common/model/task-state.js';
import {
  canChangeDesired,
  canTransition,
  desiredStates,
  isAssigned,
  isTerminal,
  stateRank,
  taskStates,
} from '../../../../manager/common/model/task-state.js';

const aState = fc.constantFrom(...taskStates);
const actors = [
  'control',
  'orchestrator',
  'allocator',
  'scheduler',
  'dispatcher',
  'worker',
  'restore',
] as const;

/** Moves of an actor, `from → to`, that change the state. */
function movesOf(actor: Actor): readonly string[] {
  return [undefined, ...taskStates].flatMap((from) =>
    taskStates
      .filter((to) => from !== to && canTransition(from, to, actor))
      .map((to) => `${from ?? 'none'} → ${to}`),
  );
}

test('the orchestrator creates tasks, the allocator prepares them and the scheduler assigns them', (t) => {
  t.deepEqual(movesOf('orchestrator'), ['none → new']);
  t.deepEqual(movesOf('allocator'), ['new → pending']);
  t.deepEqual(movesOf('scheduler'), ['pending → assigned']);
});

test('users and workers never write the state of a task', (t) => {
  t.deepEqual(movesOf('control'), []);
  t.deepEqual(movesOf('worker'), []);
});

test('the dispatcher moves a task from assigned on to any later state until it has ended', (t) => {
  const open = ['assigned', 'accepted', 'preparing', 'ready', 'starting', 'running'];
  const ended = ['complete', 'shutdown', 'failed', 'rejected', 'orphaned'];
  const expected = open.flatMap((from, at) =>
    [...open.slice(at + 1), ...ended].map((to) => `${from} → ${to}`),
  );
  t.deepEqual(movesOf('dispatcher'), expected);
});

test('a restore writes every state', (t) => {
  t.is(movesOf('restore').length, (taskStates.length + 1) * taskStates.length - taskStates.length);
});

test('every actor may write a task whose state stays the same', (t) => {
  for (const actor of actors)
    t.true(taskStates.every((state) => canTransition(state, state, actor)));
});

test('no actor but a restore moves a task back or out of a final state', (t) => {
  const owners = fc.constantFrom(...actors.filter((actor) => actor !== 'restore'));
  fc.assert(
    fc.property(aState, aState, owners, (from, to, actor) => {
      fc.pre(from !== to && canTransition(from, to, actor));
      return stateRank(from) < stateRank(to) && !isTerminal(from);
    }),
  );
  t.pass();
});

test('a task is waiting, then assigned, then ended, in this order', (t) => {
  const phases = taskStates.map((state) =>
    isTerminal(state) ? 'ended' : isAssigned(state) ? 'assigned' : 'waiting',
  );
  t.deepEqual(phases, [
    ...Array<string>(2).fill('waiting'),
    ...Array<string>(6).fill('assigned'),
    ...Array<string>(5).fill('ended'),
  ]);
  t.deepEqual(
    taskStates.filter((state) => isTerminal(state) && isAssigned(state)),
    [],
  );
});

test('the desired state changes forward only: a task that is to be removed is not started again', (t) => {
  const changes = desiredStates.map((from) =>
    desiredStates.filter((to) => canChangeDesired(from, to)),
  );
  t.deepEqual(changes, [
    ['ready', 'running', 'complete', 'shutdown', 'remove'],
    ['running', 'complete', 'shutdown', 'remove'],
    ['complete', 'shutdown', 'remove'],
    ['shutdown', 'remove'],
    ['remove'],
  ]);
});
