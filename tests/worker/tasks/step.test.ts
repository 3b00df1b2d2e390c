import test from 'ava';
import fc from 'fast-check';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { EngineRestart } from '../../../manager/common/model/container.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import {
  isTerminal,
  stateRank,
  type DesiredState,
} from '../../../manager/common/model/task-state.js';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import {
  isLive,
  type ContainerState,
  type SeenContainer,
} from '../../../worker/executor/executor.js';
import {
  newMemory,
  observed,
  reached,
  statusOf,
  type TaskMemory,
} from '../../../worker/tasks/memory.js';
import { nextStep, stopGraceMs, type Step, type StepInput } from '../../../worker/tasks/step.js';

const now = 1_000_000;

function task(
  changes: Partial<AssignedTask> = {},
  engineRestart: EngineRestart = { name: 'no' },
): AssignedTask {
  const service = aService('web', { task: { container: { engineRestart } } });
  return { ...aTask(service, 1, { id: 't1', node: 'node-a' }), ...changes };
}

function seen(state: ContainerState, changes: Partial<SeenContainer> = {}): SeenContainer {
  return {
    id: 'c1',
    name: 'demo-web-1',
    taskId: 't1' as TaskId,
    state,
    restarts: 0,
    ports: [],
    imageId: 'sha256:1',
    addresses: {},
    ...(state === 'running' ? { startedAt: now - 60_000 } : {}),
    ...(state === 'exited' ? { exitCode: 1, finishedAt: 'f1' } : {}),
    ...changes,
  };
}

const prepared: TaskMemory = { ...newMemory(now, now), prepared: true, state: 'preparing' };
const ran: TaskMemory = { ...prepared, state: 'running' };
const always: EngineRestart = { name: 'always' };

function describe(step: Step): string {
  if (step.kind === 'act') return step.action;
  if (step.kind === 'end') return `end ${step.state} ${String(step.exitCode ?? '-')}`;
  return step.kind === 'wait' && step.until !== undefined
    ? `wait until +${String(step.until - now)}`
    : step.kind;
}

const cases: readonly (readonly [string, Partial<StepInput>, string])[] = [
  ['prepares first', { memory: newMemory(now, now) }, 'prepare'],
  ['then creates', { memory: prepared }, 'create'],
  ['starts what is created', { memory: prepared, seen: seen('created') }, 'start'],
  [
    'does not start before the order',
    { task: task({ desired: 'ready' }), seen: seen('created') },
    'wait',
  ],
  [
    'does not start before its time',
    { task: task({ startDelayMs: 500 }), seen: seen('created') },
    'wait until +500',
  ],
  ['lets run what runs', { seen: seen('running'), memory: ran }, 'wait'],
  ['lets the engine restart', { seen: seen('restarting'), memory: ran }, 'wait'],
  [
    'ends as failed with the exit code',
    { seen: seen('exited', { exitCode: 3 }), memory: ran },
    'end failed 3',
  ],
  [
    'ends as complete after 0',
    { seen: seen('exited', { exitCode: 0 }), memory: ran },
    'end complete 0',
  ],
  [
    'starts again what its policy keeps',
    { task: task({}, always), seen: seen('exited'), memory: ran },
    'start',
  ],
  [
    'starts again also after 0',
    { task: task({}, always), seen: seen('exited', { exitCode: 0 }), memory: ran },
    'start',
  ],
  [
    'on-failure is content with 0',
    { task: task({}, { name: 'on-failure' }), seen: seen('exited', { exitCode: 0 }), memory: ran },
    'end complete 0',
  ],
  [
    'on-failure gives up after its retries',
    {
      task: task({}, { name: 'on-failure', maxRetries: 2 }),
      seen: seen('exited', { restarts: 2 }),
      memory: ran,
    },
    'end failed 1',
  ],
  [
    'leaves ended what a user killed',
    { task: task({}, always), seen: seen('exited'), memory: { ...ran, killedAt: now - 100 } },
    'end failed 1',
  ],
  [
    'forgets a kill that did not end it',
    { task: task({}, always), seen: seen('exited'), memory: { ...ran, killedAt: now - 60_000 } },
    'start',
  ],
  [
    'pauses between starts',
    { task: task({}, always), seen: seen('exited'), memory: { ...ran, lastStartAt: now - 400 } },
    'wait until +600',
  ],
  [
    'pauses longer after refused starts',
    {
      task: task({}, always),
      seen: seen('exited'),
      memory: { ...ran, lastStartAt: now, startFailures: 3 },
    },
    'wait until +4000',
  ],
  [
    'stops for a shutdown',
    { task: task({ desired: 'shutdown' }), seen: seen('running'), memory: ran },
    'stop',
  ],
  [
    'is shut down when stopped',
    { task: task({ desired: 'shutdown' }), seen: seen('exited', { exitCode: 143 }), memory: ran },
    'end shutdown 143',
  ],
  [
    'is shut down at once without a container',
    { task: task({ desired: 'shutdown' }) },
    'end shutdown -',
  ],
  [
    'stops what is to be removed',
    { task: task({ desired: 'remove' }), seen: seen('running') },
    'stop',
  ],
  [
    'removes what is stopped',
    { task: task({ desired: 'remove' }), seen: seen('exited') },
    'remove',
  ],
  ['tells the end when it is gone', { task: task({ desired: 'remove' }) }, 'end shutdown -'],
  ['removes what has left the set', { task: undefined, seen: seen('exited') }, 'remove'],
  ['is done with what has left the set and gone', { task: undefined }, 'done'],
  ['clears away what the engine half removed', { seen: seen('dead'), memory: ran }, 'remove'],
  ['fails when its container was removed by hand', { memory: ran }, 'end failed -'],
  ['makes anew what its policy keeps', { task: task({}, always), memory: ran }, 'create'],
  [
    'takes over a kept container',
    { memory: newMemory(now, now), adoptable: seen('exited') },
    'adopt',
  ],
  [
    'waits while that one still runs',
    { memory: newMemory(now, now), adoptable: seen('running') },
    'wait',
  ],
  [
    'starts what it has taken over',
    {
      memory: { ...prepared, adopted: { containerId: 'c1', finishedAt: 'f1' } },
      seen: seen('exited'),
    },
    'start',
  ],
  [
    'ends when that one has ended again',
    { memory: { ...ran, adopted: { containerId: 'c1', finishedAt: 'f0' } }, seen: seen('exited') },
    'end failed 1',
  ],
];

for (const [title, given, expected] of cases) {
  test(title, (t) => {
    const step = nextStep({
      task: task(),
      seen: undefined,
      memory: newMemory(now, now),
      now,
      ...given,
    });
    t.is(describe(step), expected);
  });
}

test('a task that shares a network namespace waits for the other to be there, then to run', (t) => {
  const base = task();
  const container = {
    ...base.spec.container,
    networkMode: { kind: 'service', service: 'vpn' } as const,
  };
  const sharer = { ...base, spec: { ...base.spec, container } };
  const ask = (given: Partial<StepInput>): string =>
    describe(nextStep({ task: sharer, seen: undefined, memory: prepared, now, ...given }));
  const vpn = (leader: SeenContainer | undefined): Partial<StepInput> => ({
    leaders: [{ tie: { service: 'vpn', shares: 'network' }, seen: leader }],
  });
  t.is(ask(vpn(undefined)), 'wait');
  t.is(ask(vpn(seen('created'))), 'create');
  t.is(ask({ ...vpn(seen('created')), seen: seen('created') }), 'wait');
  t.is(ask({ ...vpn(seen('running')), seen: seen('created') }), 'start');
});

test('what has to go from its slot goes before it is started, and nothing else waits for that', (t) => {
  const ask = (given: Partial<StepInput>): string =>
    describe(nextStep({ task: task(), seen: seen('created'), memory: prepared, now, ...given }));
  t.is(ask({ isBlocked: true }), 'wait');
  t.is(ask({ isBlocked: false }), 'start');
  t.is(ask({ isBlocked: true, task: task({ desired: 'shutdown' }) }), 'end shutdown -');
});

test('hooks are run once after a start and once before a stop, and hold the report back', (t) => {
  const base = task();
  const hook = { command: ['true'], privileged: false, env: {} };
  const container = { ...base.spec.container, postStart: [hook], preStop: [hook] };
  const hooked = { ...base, spec: { ...base.spec, container } };
  const ask = (memory: TaskMemory, changes: Partial<AssignedTask> = {}): string =>
    describe(nextStep({ task: { ...hooked, ...changes }, seen: seen('running'), memory, now }));
  const due = { ...prepared, hooksDue: true };
  t.is(observed(due, seen('running'), now).state, 'starting');
  t.is(ask(due), 'after-start');
  t.is(ask({ ...due, hooksDue: false }), 'wait');
  const shutdown = { desired: 'shutdown' } as const;
  t.is(ask(ran, shutdown), 'before-stop');
  t.is(ask({ ...ran, stopHooksDone: true }, shutdown), 'stop');
  t.is(ask(ran, { desired: 'remove' }), 'before-stop');
  t.is(ask(due, shutdown), 'stop', 'what was never up has nothing to put in order');
});

test('volumes of another are there as long as its container, whether or not that runs', (t) => {
  const ask = (leader: SeenContainer | undefined, own?: SeenContainer): string =>
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

const anyState = fc.constantFrom<ContainerState>(
  'created',
  'running',
  'paused',
  'restarting',
  'exited',
  'dead',
  'removing',
);
const anySeen = fc.option(
  fc
    .record({
      state: anyState,
      exitCode: fc.constantFrom(0, 1, 137),
      restarts: fc.nat(3),
      started: fc.boolean(),
    })
    .map(({ state, exitCode, restarts, started }) => {
      const { startedAt: _at, ...made } = seen(state, { exitCode, restarts });
      return started && isLive(made) ? { ...made, startedAt: now } : made;
    }),
  { nil: undefined },
);
const anyDesired = fc.constantFrom<DesiredState>(
  'ready',
  'running',
  'complete',
  'shutdown',
  'remove',
);
const anyRestart = fc.constantFrom<EngineRestart>(
  { name: 'no' },
  { name: 'always' },
  { name: 'unless-stopped' },
  { name: 'on-failure', maxRetries: 2 },
);

test('whatever is seen in whatever order, the reported state never goes back', (t) => {
  fc.assert(
    fc.property(fc.array(anySeen, { maxLength: 12 }), (sights) => {
      let memory = newMemory(now, now);
      let before = stateRank(statusOf(memory, undefined).state);
      for (const sight of sights) {
        memory = observed(memory, sight, now);
        const rank = stateRank(statusOf(memory, sight).state);
        if (rank < before) return false;
        before = rank;
      }
      return true;
    }),
  );
  t.is(reached(ran, 'ready', 'x', now), ran);
});

test('an ended task is never started, created or ended again', (t) => {
  const ended = { ...ran, ended: { state: 'failed' as const, at: now, message: 'exited (1)' } };
  fc.assert(
    fc.property(anySeen, anyDesired, anyRestart, (sight, desired, restart) => {
      const step = nextStep({ task: task({ desired }, restart), seen: sight, memory: ended, now });
      return step.kind === 'act'
        ? step.action === 'stop' || step.action === 'remove'
        : step.kind !== 'end';
    }),
  );
  t.true(isTerminal('failed'));
});

/** The engine as the steps expect it: each action does what its name says. */
function perform(
  step: Step & { kind: 'act' },
  container: SeenContainer | undefined,
): SeenContainer | undefined {
  switch (step.action) {
    case 'prepare':
    case 'adopt':
    case 'after-start':
    case 'before-stop':
      return container;
    case 'create':
      return seen('created');
    case 'start':
      return seen('running', { startedAt: now });
    case 'stop':
      return container && seen('exited', { exitCode: 143 });
    case 'remove':
      return undefined;
  }
}

test('acting on each step comes to rest within ten, with a live container exactly where one is wanted', (t) => {
  fc.assert(
    fc.property(anySeen, anyDesired, anyRestart, (first, desired, restart) => {
      let container = first;
      let memory = newMemory(now, now);
      const record = task({ desired }, restart);
      for (let turn = 0; turn < 10; turn += 1) {
        memory = observed(memory, container, now);
        const step = nextStep({ task: record, seen: container, memory, now });
        if (step.kind === 'end') {
          memory = { ...memory, ended: { state: step.state, at: now, message: step.message } };
        } else if (step.kind === 'act') {
          if (step.action === 'prepare') memory = { ...memory, prepared: true };
          container = perform(step, container);
        } else {
          if (step.kind === 'done' && container !== undefined && isLive(container)) return false;
          const wantsNone = desired === 'remove' || desired === 'shutdown';
          return !(wantsNone && container !== undefined && isLive(container));
        }
      }
      return false;
    }),
  );
  t.pass();
});

test('a container gets the time to stop that a user said, else that of its spec', (t) => {
  const { stopGraceMs: ofSpec } = task().spec.container;
  t.is(stopGraceMs(task()), ofSpec);
  t.is(stopGraceMs(task({ stopTimeoutMs: 0 })), 0);
  t.is(stopGraceMs(task({ stopTimeoutMs: ofSpec + 1 })), ofSpec + 1);
  t.is(stopGraceMs(undefined), 10_000, 'what nobody knows has the engine’s own grace');
});
