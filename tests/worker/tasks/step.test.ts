import test from 'ava';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import { type ObservedContainer } from '../../../worker/executor/executor.js';
import {
  newLocalState,
  applyObservation,
  type LocalTaskState,
} from '../../../worker/tasks/local-state.js';
import {
  nextStep,
  stopGraceMs,
  type TaskStep,
  type StepInput,
} from '../../../worker/tasks/step.js';
import {
  always,
  hook,
  now,
  task,
  taskWith,
  seen,
  prepared,
  ran,
} from '../../helpers/decisions/task-step.js';

function describe(step: TaskStep): string {
  if (step.kind === 'act') return step.action;
  if (step.kind === 'end') return `end ${step.state} ${String(step.exitCode ?? '-')}`;
  return step.kind === 'wait' && step.until !== undefined
    ? `wait until +${String(step.until - now)}`
    : step.kind;
}

const cases: readonly (readonly [string, Partial<StepInput>, string])[] = [
  ['a new task is prepared first', { memory: newLocalState(now, now) }, 'prepare'],
  ['a prepared task creates its container', { memory: prepared }, 'create'],
  ['a created container is started', { memory: prepared, seen: seen('created') }, 'start'],
  [
    'a container is not started while the desired state is ready',
    { task: task({ desired: 'ready' }), seen: seen('created') },
    'wait',
  ],
  [
    'a container is not started before its start delay has passed',
    { task: task({ startDelayMs: 500 }), seen: seen('created') },
    'wait until +500',
  ],
  ['a running container needs no action', { seen: seen('running'), memory: ran }, 'wait'],
  ['a restarting container is left alone', { seen: seen('restarting'), memory: ran }, 'wait'],
  [
    'a non-zero exit ends the task as failed with the exit code',
    { seen: seen('exited', { exitCode: 3 }), memory: ran },
    'end failed 3',
  ],
  [
    'exit code 0 ends the task as complete',
    { seen: seen('exited', { exitCode: 0 }), memory: ran },
    'end complete 0',
  ],
  [
    'policy always restarts an exited container',
    { task: task({}, always), seen: seen('exited'), memory: ran },
    'start',
  ],
  [
    'policy always restarts a container after exit code 0',
    { task: task({}, always), seen: seen('exited', { exitCode: 0 }), memory: ran },
    'start',
  ],
  [
    'policy on-failure does not restart after exit code 0',
    { task: task({}, { name: 'on-failure' }), seen: seen('exited', { exitCode: 0 }), memory: ran },
    'end complete 0',
  ],
  [
    'policy on-failure stops after its maximum retries',
    {
      task: task({}, { name: 'on-failure', maxRetries: 2 }),
      seen: seen('exited', { restarts: 2 }),
      memory: ran,
    },
    'end failed 1',
  ],
  [
    'a container killed by a user is not restarted',
    { task: task({}, always), seen: seen('exited'), memory: { ...ran, killedAt: now - 100 } },
    'end failed 1',
  ],
  [
    'a kill counts for ten seconds',
    { task: task({}, always), seen: seen('exited'), memory: { ...ran, killedAt: now - 9_999 } },
    'end failed 1',
  ],
  [
    'and no longer',
    { task: task({}, always), seen: seen('exited'), memory: { ...ran, killedAt: now - 10_000 } },
    'start',
  ],
  [
    'policy unless-stopped restarts an exited container',
    { task: task({}, { name: 'unless-stopped' }), seen: seen('exited'), memory: ran },
    'start',
  ],
  [
    'policy unless-stopped recreates a removed container',
    { task: task({}, { name: 'unless-stopped' }), memory: ran },
    'create',
  ],
  [
    'policy on-failure restarts without a limit',
    { task: task({}, { name: 'on-failure' }), seen: seen('exited', { restarts: 50 }), memory: ran },
    'start',
  ],
  [
    'zero retries of policy on-failure mean no limit',
    {
      task: task({}, { name: 'on-failure', maxRetries: 0 }),
      seen: seen('exited', { restarts: 50 }),
      memory: ran,
    },
    'start',
  ],
  [
    'policy on-failure restarts up to its maximum retries',
    {
      task: task({}, { name: 'on-failure', maxRetries: 2 }),
      seen: seen('exited', { restarts: 1 }),
      memory: ran,
    },
    'start',
  ],
  [
    'policy on-failure does not recreate a removed container',
    { task: task({}, { name: 'on-failure' }), memory: ran },
    'end failed -',
  ],
  [
    'a task that should complete is not restarted',
    { task: task({ desired: 'complete' }, always), seen: seen('exited'), memory: ran },
    'end failed 1',
  ],
  [
    'an engine error makes exit code 0 a failure',
    { seen: seen('exited', { exitCode: 0, error: 'no such device' }), memory: ran },
    'end failed 0',
  ],
  ['a paused container is left alone', { seen: seen('paused'), memory: ran }, 'wait'],
  [
    'hooks of a paused container wait',
    { seen: seen('paused'), memory: { ...ran, postStartPending: true } },
    'wait',
  ],
  ['the engine may finish its own removal', { seen: seen('removing'), memory: ran }, 'wait'],
  ['a removal by the engine is not repeated', { task: undefined, seen: seen('removing') }, 'wait'],
  [
    'a container that runs although its task has ended is stopped',
    {
      seen: seen('running'),
      memory: { ...ran, ended: { state: 'failed', at: now, message: '' } },
    },
    'stop',
  ],
  [
    'an ended task without a container is done when it is removed',
    {
      task: task({ desired: 'remove' }),
      memory: { ...ran, ended: { state: 'failed', at: now, message: '' } },
    },
    'done',
  ],
  [
    'a task that was prepared but lost its container before the start ends as failed',
    { memory: { ...prepared, state: 'ready' } },
    'end failed -',
  ],
  [
    'a task that was prepared in an earlier run of the worker creates its container',
    { memory: { ...prepared, state: 'accepted' } },
    'create',
  ],
  [
    'failed starts back off up to thirty seconds',
    {
      task: task({}, always),
      seen: seen('exited'),
      memory: { ...ran, lastStartAt: now, startFailures: 20 },
    },
    'wait until +30000',
  ],
  [
    'a start is due exactly at the end of its delay',
    { task: task({ startDelayMs: 500 }), seen: seen('created'), now: now + 500 },
    'start',
  ],
  [
    'a restart is due exactly at the end of its back-off',
    { task: task({}, always), seen: seen('exited'), memory: { ...ran, lastStartAt: now - 1_000 } },
    'start',
  ],
  [
    'a kill that did not end the container is ignored later',
    { task: task({}, always), seen: seen('exited'), memory: { ...ran, killedAt: now - 60_000 } },
    'start',
  ],
  [
    'a restart waits for the minimum interval between starts',
    { task: task({}, always), seen: seen('exited'), memory: { ...ran, lastStartAt: now - 400 } },
    'wait until +600',
  ],
  [
    'failed starts back off',
    {
      task: task({}, always),
      seen: seen('exited'),
      memory: { ...ran, lastStartAt: now, startFailures: 3 },
    },
    'wait until +4000',
  ],
  [
    'desired state shutdown stops the container',
    { task: task({ desired: 'shutdown' }), seen: seen('running'), memory: ran },
    'stop',
  ],
  [
    'a stopped container ends the task as shutdown',
    { task: task({ desired: 'shutdown' }), seen: seen('exited', { exitCode: 143 }), memory: ran },
    'end shutdown 143',
  ],
  [
    'a task without a container ends as shutdown at once',
    { task: task({ desired: 'shutdown' }) },
    'end shutdown -',
  ],
  [
    'desired state remove stops a running container',
    { task: task({ desired: 'remove' }), seen: seen('running') },
    'stop',
  ],
  [
    'desired state remove removes a stopped container',
    { task: task({ desired: 'remove' }), seen: seen('exited') },
    'remove',
  ],
  ['an absent container ends the removal', { task: task({ desired: 'remove' }) }, 'end shutdown -'],
  ['a container that left the set is removed', { task: undefined, seen: seen('exited') }, 'remove'],
  ['a task that left the set without a container is done', { task: undefined }, 'done'],
  ['a dead container is removed', { seen: seen('dead'), memory: ran }, 'remove'],
  ['a manually removed container ends the task as failed', { memory: ran }, 'end failed -'],
  [
    'policy always recreates a removed container',
    { task: task({}, always), memory: ran },
    'create',
  ],
  [
    'a new task adopts the previous container',
    { memory: newLocalState(now, now), adoptable: seen('exited') },
    'adopt',
  ],
  [
    'adoption waits while the previous container runs',
    { memory: newLocalState(now, now), adoptable: seen('running') },
    'wait',
  ],
  [
    'an adopted container is started',
    {
      memory: { ...prepared, adopted: { containerId: 'c1', finishedAt: 'f1' } },
      seen: seen('exited'),
    },
    'start',
  ],
  [
    'an adopted container that exits again ends the task',
    { memory: { ...ran, adopted: { containerId: 'c1', finishedAt: 'f0' } }, seen: seen('exited') },
    'end failed 1',
  ],
];

for (const [title, given, expected] of cases) {
  test(title, (t) => {
    const step = nextStep({
      task: task(),
      seen: undefined,
      memory: newLocalState(now, now),
      now,
      ...given,
    });
    t.is(describe(step), expected);
  });
}

test('a task that shares a network namespace waits for the leader to exist, then to run', (t) => {
  const sharer = taskWith({ networkMode: { kind: 'service', service: 'vpn' } });
  const ask = (given: Partial<StepInput>): string =>
    describe(nextStep({ task: sharer, seen: undefined, memory: prepared, now, ...given }));
  const vpn = (leader: ObservedContainer | undefined): Partial<StepInput> => ({
    leaders: [{ tie: { service: 'vpn', shares: 'network' }, seen: leader }],
  });
  t.is(ask(vpn(undefined)), 'wait');
  t.is(ask(vpn(seen('created'))), 'create');
  t.is(ask({ ...vpn(undefined), seen: seen('created') }), 'wait');
  t.is(ask({ ...vpn(seen('created')), seen: seen('created') }), 'wait');
  t.is(ask({ ...vpn(seen('running')), seen: seen('created') }), 'start');
});

test('a task is started only after conflicting containers have ended, other actions do not wait', (t) => {
  const ask = (given: Partial<StepInput>): string =>
    describe(nextStep({ task: task(), seen: seen('created'), memory: prepared, now, ...given }));
  t.is(ask({ isBlocked: true }), 'wait');
  t.is(ask({ isBlocked: false }), 'start');
  t.is(ask({ isBlocked: true, task: task({ desired: 'shutdown' }) }), 'end shutdown -');
});

test('hooks run once after a start and once before a stop, and delay the running state', (t) => {
  const hooked = taskWith({ postStart: [hook], preStop: [hook] });
  const ask = (memory: LocalTaskState, changes: Partial<AssignedTask> = {}): string =>
    describe(nextStep({ task: { ...hooked, ...changes }, seen: seen('running'), memory, now }));
  const due: LocalTaskState = { ...prepared, postStartPending: true };
  t.is(applyObservation(due, seen('running'), now).state, 'starting');
  t.is(ask(due), 'after-start');
  t.is(ask({ ...due, postStartPending: false }), 'wait');
  const shutdown = { desired: 'shutdown' } as const;
  t.is(ask(ran, shutdown), 'before-stop');
  t.is(ask({ ...ran, preStopDone: true }, shutdown), 'stop');
  t.is(ask(ran, { desired: 'remove' }), 'before-stop');
  t.is(ask(due, shutdown), 'stop', 'what was never up has nothing to put in order');
  const paused = { task: { ...hooked, ...shutdown }, seen: seen('paused'), memory: ran, now };
  t.is(describe(nextStep(paused)), 'stop', 'a paused container runs no hook');
});

test('volumes_from needs the other container to exist, running or not', (t) => {
  const ask = (leader: ObservedContainer | undefined, own?: ObservedContainer): string =>
    describe(
      nextStep({
        task: task(),
        seen: own,
        memory: prepared,
        leaders: [{ tie: { service: 'data', shares: 'volumes' }, seen: leader }],
        now,
      }),
    );
  t.is(ask(undefined), 'wait');
  t.is(ask(seen('exited')), 'create');
  t.is(ask(seen('exited'), seen('created')), 'start');
});

test('the stop grace period is the user’s timeout, or else that of the spec', (t) => {
  const { stopGraceMs: ofSpec = 0 } = task().spec.container;
  t.is(stopGraceMs(task()), ofSpec);
  t.is(stopGraceMs(task({ stopTimeoutMs: 0 })), 0);
  t.is(stopGraceMs(task({ stopTimeoutMs: ofSpec + 1 })), ofSpec + 1);
  t.is(stopGraceMs(undefined), 10_000, 'what nobody knows has the engine’s own grace');
});

test('the end of a task has the exit code and the error of its container, if it has them', (t) => {
  const end = (container: ObservedContainer | undefined): TaskStep =>
    nextStep({ task: task({ desired: 'shutdown' }), seen: container, memory: ran, now });
  const shutdown = { kind: 'end', state: 'shutdown', message: 'shut down' } as const;
  t.deepEqual(end(undefined), shutdown);
  t.deepEqual(end(seen('created')), shutdown);
  t.deepEqual(end(seen('exited', { exitCode: 2, error: 'oom' })), {
    ...shutdown,
    exitCode: 2,
    error: 'oom',
  });
});

test('an exit without a code is called unknown', (t) => {
  const { exitCode: _exitCode, ...container } = seen('exited');
  const step = nextStep({ task: task(), seen: container, memory: ran, now });
  t.deepEqual(step, { kind: 'end', state: 'failed', message: 'exited (unknown)' });
});

test('every leader must run before a start', (t) => {
  const leader = (state: ObservedContainer['state']) => ({
    tie: { service: state, shares: 'ipc' } as const,
    seen: seen(state),
  });
  const ask = (leaders: StepInput['leaders'] & object): string =>
    describe(nextStep({ task: task(), seen: seen('created'), memory: prepared, leaders, now }));
  t.is(ask([leader('running'), leader('exited')]), 'wait');
  t.is(ask([leader('running'), leader('running')]), 'start');
});
