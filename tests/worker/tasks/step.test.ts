import test from 'ava';
import type { EngineRestart } from '../../../manager/common/model/container.js';
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
import { now, task, seen, prepared, ran } from '../../helpers/decisions/task-step.js';

const always: EngineRestart = { name: 'always' };

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
  const base = task();
  const container = {
    ...base.spec.container,
    networkMode: { kind: 'service', service: 'vpn' } as const,
  };
  const sharer = { ...base, spec: { ...base.spec, container } };
  const ask = (given: Partial<StepInput>): string =>
    describe(nextStep({ task: sharer, seen: undefined, memory: prepared, now, ...given }));
  const vpn = (leader: ObservedContainer | undefined): Partial<StepInput> => ({
    leaders: [{ tie: { service: 'vpn', shares: 'network' }, seen: leader }],
  });
  t.is(ask(vpn(undefined)), 'wait');
  t.is(ask(vpn(seen('created'))), 'create');
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
  const base = task();
  const hook = { command: ['true'], privileged: false, env: {} };
  const container = { ...base.spec.container, postStart: [hook], preStop: [hook] };
  const hooked = { ...base, spec: { ...base.spec, container } };
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
  const { stopGraceMs: ofSpec } = task().spec.container;
  t.is(stopGraceMs(task()), ofSpec);
  t.is(stopGraceMs(task({ stopTimeoutMs: 0 })), 0);
  t.is(stopGraceMs(task({ stopTimeoutMs: ofSpec + 1 })), ofSpec + 1);
  t.is(stopGraceMs(undefined), 10_000, 'what nobody knows has the engine’s own grace');
});
