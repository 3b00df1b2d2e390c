import test from 'ava';
import type { TaskOptions } from '../../../fixtures/cluster/build.js';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { RestartPolicy } from '../../../manager/common/model/service.js';
import type { RestartVerdict } from '../../../manager/orchestrator/restart.js';
import { decideRestart } from '../../../manager/orchestrator/restart.js';

const policy: RestartPolicy = { condition: 'any', delayMs: 5_000, maxAttempts: 0, windowMs: 0 };
const crashed = { state: 'failed', exitCode: 1, startedAt: 1_000, at: 2_000 } as const;

function ask(options: TaskOptions, wish?: Partial<RestartPolicy>, now = 0): RestartVerdict {
  const task = aTask(aService('web'), 1, { node: 'node-1', updatedAt: 2_000, ...options });
  return decideRestart(task, wish === undefined ? undefined : { ...policy, ...wish }, now);
}

test('a rejected task is retried forever, after 1, 2, 4 … 60 seconds', (t) => {
  const delays = [0, 1, 2, 3, 6, 7, 100].map((refused) => {
    const options = { state: 'rejected', attempts: { refused, restarted: 0 } } as const;
    const verdict = ask(options, undefined, 2_000);
    t.is(verdict.kind, 'wait');
    const until = verdict.kind === 'wait' ? verdict.until : 0;
    const due = ask(options, undefined, until);
    t.like(due, { kind: 'replace', attempts: { refused: refused + 1, restarted: 0 } });
    return until - 2_000;
  });
  t.deepEqual(delays, [1_000, 2_000, 4_000, 8_000, 60_000, 60_000, 60_000]);
});

test('only a failure before the first start counts as a rejection', (t) => {
  t.is(ask({ state: 'failed' }, undefined, 0).kind, 'wait');
  t.is(ask({ status: crashed }, undefined, 0).kind, 'keep');
  t.is(ask({ status: { state: 'failed', exitCode: 127 } }, undefined, 0).kind, 'keep');
});

test('an unrequested shutdown does not lead to a busy loop', (t) => {
  t.like(ask({ state: 'shutdown' }, undefined, 2_000), { kind: 'wait', until: 3_000 });
});

test('without a restart policy an ended task is left to the engine', (t) => {
  t.is(ask({ status: crashed }).kind, 'keep');
  t.is(ask({ state: 'complete' }).kind, 'keep');
});

test('the restart condition decides which ended tasks are replaced', (t) => {
  const kinds = (['none', 'on-failure', 'any'] as const).map((condition) => [
    ask({ state: 'complete' }, { condition }).kind,
    ask({ status: crashed }, { condition }).kind,
  ]);
  t.deepEqual(kinds, [
    ['keep', 'keep'],
    ['keep', 'replace'],
    ['replace', 'replace'],
  ]);
});

test('the restart delay of the new task counts from the end of the old one', (t) => {
  t.deepEqual(ask({ status: crashed }, {}), {
    kind: 'replace',
    attempts: { refused: 0, restarted: 1 },
    notBefore: 7_000,
    cause: 'failed, exit 1',
  });
});

test('a clock that was set back does not prolong delays', (t) => {
  const late = { updatedAt: 600_000 };
  t.is(ask({ state: 'rejected', ...late }, undefined, 2_000).kind, 'replace');
  t.like(ask({ status: crashed, ...late }, {}, 2_000), { kind: 'replace', notBefore: 7_000 });
});

test('attempts are limited and reset after a run as long as the window', (t) => {
  const attempts = { refused: 0, restarted: 3 };
  t.is(ask({ status: crashed, attempts }, { maxAttempts: 4 }).kind, 'replace');
  t.is(ask({ status: crashed, attempts }, { maxAttempts: 3 }).kind, 'keep');
  t.is(ask({ status: crashed, attempts }, { maxAttempts: 3, windowMs: 1_001 }).kind, 'keep');
  t.like(ask({ status: crashed, attempts }, { maxAttempts: 3, windowMs: 1_000 }), {
    kind: 'replace',
    attempts: { refused: 0, restarted: 1 },
  });
});

test('a clock that lags by up to five seconds counts as right', (t) => {
  const rejected = { state: 'rejected', updatedAt: 10_000 } as const;
  t.is(ask(rejected, undefined, 5_000).kind, 'wait');
  t.is(ask(rejected, undefined, 4_999).kind, 'replace');
  t.is(ask(rejected, undefined, 11_000).kind, 'replace');
  t.is(ask(rejected, undefined, 10_999).kind, 'wait');
  const late = { status: crashed, updatedAt: 10_000 };
  t.like(ask(late, {}, 5_000), { notBefore: 15_000 });
  t.like(ask(late, {}, 4_999), { notBefore: 9_999 });
});

test('a restart without a delay starts at once, and the cause has the exit code if there is one', (t) => {
  t.deepEqual(ask({ status: crashed }, { delayMs: 0 }), {
    kind: 'replace',
    attempts: { refused: 0, restarted: 1 },
    cause: 'failed, exit 1',
  });
  t.like(ask({ state: 'complete' }, { delayMs: 0 }), { cause: 'complete' });
});

test('without a window no run is long enough, and a task that never started is none', (t) => {
  const attempts = { refused: 0, restarted: 3 };
  const long = { ...crashed, at: 1e9 };
  t.is(ask({ status: long, attempts }, { maxAttempts: 3 }).kind, 'keep');
  const { startedAt: _never, ...unstarted } = crashed;
  t.is(ask({ status: unstarted, attempts }, { maxAttempts: 3, windowMs: 1 }).kind, 'keep');
});

test('a task whose node was removed is replaced at once, with its attempts', (t) => {
  const attempts = { refused: 4, restarted: 2 };
  t.deepEqual(ask({ state: 'orphaned', attempts }), {
    kind: 'replace',
    attempts,
    cause: 'its node was removed',
  });
});

test('the cause of a rejection is the error, or else the message', (t) => {
  const status = { state: 'rejected', message: 'pull', error: 'no such image' } as const;
  t.like(ask({ status }), { cause: 'rejected: no such image' });
  t.like(ask({ status: { state: 'rejected', message: 'pull' } }), { cause: 'rejected: pull' });
});
