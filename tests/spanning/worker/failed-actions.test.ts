import test from 'ava';
import { AppError, type ErrorKind } from '../../../manager/common/base/errors.js';
import { RunnerBench, runningBench } from '../../helpers/fakes/runner-bench.js';
import { always, hook, seen, task, taskWith } from '../../helpers/decisions/task-step.js';

test('a failed pre_stop hook does not stop the stop, and its error is in the final status', async (t) => {
  const record = taskWith({ preStop: [hook] });
  const bench = await runningBench(record);
  bench.failures.set('before-stop', [new AppError('internal', 'pre_stop hook exited with 1')]);
  await bench.assign({ ...record, desired: 'shutdown' });
  t.deepEqual(bench.actions.slice(3), ['before-stop', 'stop']);
  t.is(bench.ended[0]?.error, 'pre_stop hook exited with 1');
  t.deepEqual(bench.warnings, ['pre_stop hook exited with 1']);
});

const finalErrors: readonly (readonly [
  'prepare' | 'create' | 'start' | 'after-start',
  'rejected' | 'failed',
  string,
])[] = [
  ['prepare', 'rejected', 'cannot prepare the container'],
  ['create', 'rejected', 'cannot create the container'],
  ['start', 'failed', 'cannot start the container'],
  ['after-start', 'failed', 'post_start hook failed'],
];

for (const [action, state, message] of finalErrors) {
  test(`an engine's final error on ${action} ends the task as ${state}`, async (t) => {
    const bench = new RunnerBench();
    bench.failures.set(action, [new AppError('invalid', 'no such thing')]);
    await bench.assign(taskWith({ postStart: [hook] }));
    t.like(bench.ended, [{ state, message, error: 'no such thing' }]);
  });

  test(`${action} is retried with back-off while the engine is unreachable`, async (t) => {
    for (const kind of ['unavailable', 'timeout', 'cancelled'] satisfies ErrorKind[]) {
      const bench = new RunnerBench();
      bench.failures.set(action, [new AppError(kind, 'engine is away')]);
      await bench.assign(taskWith({ postStart: [hook] }));
      t.is(bench.last.action, action);
      t.is(bench.reports.at(-1)?.error, kind === 'cancelled' ? undefined : 'engine is away');
      await bench.pass(60_000);
      t.like(bench.reports.at(-1), { state: 'running', error: undefined });
      t.deepEqual(bench.ended, []);
    }
  });
}

test('progress of a retried action replaces its error', async (t) => {
  const bench = new RunnerBench();
  bench.failures.set('prepare', [new AppError('unavailable', 'engine is away')]);
  await bench.assign(task());
  bench.held.add('prepare');
  await bench.pass(60_000);
  t.is(bench.reports.at(-1)?.error, 'engine is away');
  bench.last.progress('pulling 3/7');
  t.like(bench.reports.at(-1), { message: 'pulling 3/7', error: undefined });
});

test('an unexpected error is retried and not reported', async (t) => {
  const bench = new RunnerBench();
  bench.failures.set('prepare', [new TypeError('x is not a function')]);
  await bench.assign(task());
  t.like(bench.runner.status, { message: 'preparing', error: undefined });
  t.deepEqual(bench.warnings, ['task t1: x is not a function']);
  await bench.pass(60_000);
  t.is(bench.runner.status.state, 'running');
});

for (const action of ['stop', 'remove'] as const) {
  test(`${action} is retried after every error, which is shown`, async (t) => {
    const bench = await runningBench();
    bench.failures.set(action, [new AppError('conflict', 'cannot be removed now')]);
    await bench.assign(task({ desired: 'remove' }));
    t.is(bench.reports.at(-1)?.error, 'cannot be removed now');
    t.deepEqual(bench.ended, []);
    await bench.pass(60_000);
    t.like(bench.ended, [{ state: 'shutdown', error: undefined }]);
    t.is(bench.containers.size, 0);
  });
}

test('a restart that the engine rejects is tried again with growing intervals', async (t) => {
  const bench = await runningBench(task({}, always));
  const refused = new AppError('invalid', 'mount point is missing');
  bench.failures.set('start', [refused, refused]);
  await bench.pass(60_000);
  await bench.observe(seen('exited'));
  t.is(bench.runner.status.error, 'mount point is missing');
  await bench.pass(999);
  t.is(bench.begun.length, 4);
  await bench.pass(1);
  t.is(bench.begun.length, 5);
  await bench.pass(1_999);
  t.is(bench.begun.length, 5);
  await bench.pass(1);
  t.is(bench.runner.status.state, 'running');
  await bench.observe(seen('running'));
  t.is(bench.runner.status.error, undefined);
  t.deepEqual(bench.ended, []);
});
