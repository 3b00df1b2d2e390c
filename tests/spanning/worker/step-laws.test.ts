import test from 'ava';
import fc from 'fast-check';
import type { EngineRestart } from '../../../manager/common/model/container.js';
import {
  isTerminal,
  stateRank,
  type DesiredState,
} from '../../../manager/common/model/task-state.js';
import {
  isLiveContainer,
  type EngineContainerState,
  type ObservedContainer,
} from '../../../worker/executor/executor.js';
import {
  newLocalState,
  applyObservation,
  advanceState,
  statusOf,
} from '../../../worker/tasks/local-state.js';
import { nextStep, type TaskStep } from '../../../worker/tasks/step.js';
import { now, task, seen, ran } from '../../helpers/decisions/task-step.js';

const anyState = fc.constantFrom<EngineContainerState>(
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
      return started && isLiveContainer(made) ? { ...made, startedAt: now } : made;
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

test('the reported state never moves backwards, whatever is observed', (t) => {
  fc.assert(
    fc.property(fc.array(anySeen, { maxLength: 12 }), (sights) => {
      let memory = newLocalState(now, now);
      let before = stateRank(statusOf(memory, undefined).state);
      for (const sight of sights) {
        memory = applyObservation(memory, sight, now);
        const rank = stateRank(statusOf(memory, sight).state);
        if (rank < before) return false;
        before = rank;
      }
      return true;
    }),
  );
  t.is(advanceState(ran, 'ready', 'x', now), ran);
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

/** A model of the engine: each action has its nominal effect. */
function perform(
  step: TaskStep & { kind: 'act' },
  container: ObservedContainer | undefined,
): ObservedContainer | undefined {
  switch (step.action) {
    case 'prepare':
    case 'connect':
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

test('the steps converge within ten actions, with a live container exactly where one is wanted', (t) => {
  fc.assert(
    fc.property(anySeen, anyDesired, anyRestart, (first, desired, restart) => {
      let container = first;
      let memory = newLocalState(now, now);
      const record = task({ desired }, restart);
      for (let turn = 0; turn < 10; turn += 1) {
        memory = applyObservation(memory, container, now);
        const step = nextStep({ task: record, seen: container, memory, now });
        if (step.kind === 'end') {
          memory = { ...memory, ended: { state: step.state, at: now, message: step.message } };
        } else if (step.kind === 'act') {
          if (step.action === 'prepare') memory = { ...memory, prepared: true };
          container = perform(step, container);
        } else {
          if (step.kind === 'done' && container !== undefined && isLiveContainer(container))
            return false;
          const wantsNone = desired === 'remove' || desired === 'shutdown';
          return !(wantsNone && container !== undefined && isLiveContainer(container));
        }
      }
      return false;
    }),
  );
  t.pass();
});
