import test from 'ava';
import { AppError } from '../../../manager/common/base/errors.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import { RunnerBench, runningBench, settle } from '../../helpers/fakes/runner-bench.js';
import { always, hook, seen, task, taskWith } from '../../helpers/decisions/task-step.js';

test('a new task is prepared, created and started, and each state is reported', async (t) => {
  const bench = await runningBench();
  t.deepEqual(bench.actions, ['prepare', 'create', 'start']);
  t.deepEqual(bench.story, [
    'accepted: accepted',
    'preparing: preparing',
    'ready: container created',
    'starting: starting',
    'running: running',
  ]);
  t.is(bench.runner.status.restarts, 0);
  t.false(bench.runner.ended);
  t.is(bench.clock.pendingTimers, 0, 'a running task needs no timer');
});

test('a running task needs no further action, whatever wakes it', async (t) => {
  const bench = await runningBench();
  bench.runner.wake();
  bench.runner.poke();
  await settle();
  t.is(bench.begun.length, 3);
});

test('the status follows the container before a turn has run', (t) => {
  const bench = new RunnerBench();
  bench.containers.set(bench.runner.id, seen('running'));
  t.is(bench.runner.status.state, 'running');
});

test('a change of the container is reported at once, also during a long action', async (t) => {
  const bench = new RunnerBench();
  bench.held.add('start');
  await bench.assign(task());
  bench.containers.set(bench.runner.id, seen('running'));
  bench.runner.poke();
  t.is(bench.reports.at(-1)?.state, 'running');
  t.deepEqual(bench.actions, ['prepare', 'create', 'start']);
});

test('an orphaned container is stopped and removed without a report', async (t) => {
  const bench = new RunnerBench();
  bench.containers.set(bench.runner.id, seen('running'));
  await bench.assign(undefined);
  t.deepEqual(bench.actions, ['stop', 'remove']);
  t.deepEqual(bench.reports, []);
  t.deepEqual(bench.finished, ['t1']);
  t.is(bench.last.subject.task, undefined);
});

test('nothing happens while the engine does not answer', async (t) => {
  const bench = new RunnerBench();
  bench.engineAnswers = false;
  await bench.assign(task());
  t.deepEqual(bench.begun, []);
  t.deepEqual(bench.reports, []);
  bench.engineAnswers = true;
  bench.runner.wake();
  await settle();
  t.is(bench.runner.status.state, 'running');
});

test('a task that ended before the worker restarted is not started again', async (t) => {
  const ended = { state: 'failed', at: 5, message: 'exited (1)' } as const;
  const bench = new RunnerBench({ ended });
  await bench.assign(task());
  t.deepEqual(bench.actions, []);
  t.deepEqual(bench.reports, [ended]);
  t.true(bench.runner.ended);
  t.deepEqual(bench.finished, [], 'the manager still has the task');
});

test('the end of a task is persisted before it is reported', async (t) => {
  const bench = await runningBench();
  await bench.observe(seen('exited', { exitCode: 3, lastStartedAt: 7, health: 'healthy' }));
  const end = {
    state: 'failed',
    at: 0,
    message: 'exited (3)',
    exitCode: 3,
    startedAt: 7,
    containerId: 'c1',
    imageId: 'sha256:1',
    restarts: 0,
    ports: [],
  } as const;
  t.deepEqual(bench.ended, [end]);
  t.deepEqual(bench.reports.at(-1), end);
  t.true(bench.runner.ended);
});

test('the end of a task that never had a container has no start time', async (t) => {
  const bench = new RunnerBench();
  await bench.assign(task({ desired: 'shutdown' }));
  t.deepEqual(bench.ended, [{ state: 'shutdown', at: 0, message: 'shut down' }]);
});

test('a task waits for its start delay with one timer', async (t) => {
  const bench = new RunnerBench();
  await bench.assign(task({ startDelayMs: 500 }));
  bench.runner.wake();
  await settle();
  t.is(bench.clock.pendingTimers, 1);
  await bench.pass(499);
  t.deepEqual(bench.actions, ['prepare', 'create']);
  await bench.pass(1);
  t.deepEqual(bench.actions, ['prepare', 'create', 'start']);
});

test('a stopped runner leaves no timer and begins nothing', async (t) => {
  const bench = new RunnerBench();
  await bench.assign(task({ startDelayMs: 500 }));
  await bench.runner.stop();
  t.is(bench.clock.pendingTimers, 0);
  bench.runner.wake();
  await settle();
  t.deepEqual(bench.actions, ['prepare', 'create']);
});

test('the end of the worker interrupts an action without ending the task', async (t) => {
  const bench = new RunnerBench();
  bench.held.add('prepare');
  await bench.assign(task());
  const stopped = bench.runner.stop();
  t.true(bench.last.signal.aborted);
  bench.last.end.reject(new AppError('internal', 'image pull was cut off'));
  await stopped;
  t.deepEqual(bench.ended, []);
  t.deepEqual(bench.warnings, []);
});

for (const [title, change] of [
  ['a shutdown', task({ desired: 'shutdown' })],
  ['a removal', task({ desired: 'remove' })],
  ['leaving the set', undefined],
] as const) {
  test(`${title} interrupts a start in preparation`, async (t) => {
    const bench = new RunnerBench();
    bench.held.add('prepare');
    await bench.assign(task());
    t.false(bench.last.signal.aborted);
    await bench.assign(change);
    t.true(bench.last.signal.aborted);
    t.deepEqual(bench.actions, ['prepare']);
    t.deepEqual(bench.warnings, []);
    t.is(bench.ended[0]?.state, change === undefined ? undefined : 'shutdown');
  });
}

test('an interruption is not a failure, whatever error it causes', async (t) => {
  const bench = await runningBench(taskWith({ postStart: [hook] }));
  const busy = new RunnerBench();
  busy.held.add('after-start');
  busy.runner.assign(taskWith({ postStart: [hook] }));
  await settle();
  busy.runner.assign({ ...taskWith({ postStart: [hook] }), desired: 'shutdown' });
  busy.last.end.reject(new AppError('internal', 'hook was killed'));
  await settle();
  t.deepEqual(busy.actions.slice(3), ['after-start', 'stop']);
  t.is(busy.ended[0]?.state, 'shutdown');
  t.deepEqual(bench.ended, []);
});

test('a changed assignment does not interrupt an action that is still wanted', async (t) => {
  const bench = new RunnerBench();
  bench.held.add('prepare');
  await bench.assign(task());
  await bench.assign(task({ stopTimeoutMs: 5 }));
  t.false(bench.last.signal.aborted);
  bench.last.end.resolve();
  await settle();
  t.deepEqual(bench.actions, ['prepare', 'create', 'start']);
});

for (const action of ['before-stop', 'stop', 'remove'] as const) {
  test(`${action} continues when the task leaves the set`, async (t) => {
    const bench = await runningBench(taskWith({ preStop: [hook] }));
    bench.held.add(action);
    await bench.assign({ ...taskWith({ preStop: [hook] }), desired: 'remove' });
    t.is(bench.last.action, action);
    await bench.assign(undefined);
    t.false(bench.last.signal.aborted);
    bench.last.end.resolve();
    bench.held.clear();
    await settle();
    t.is(bench.last.action, 'remove');
    t.deepEqual(bench.finished, ['t1']);
  });
}

test('a container that exits is restarted, and its restarts are counted', async (t) => {
  const bench = await runningBench(task({}, always));
  await bench.pass(60_000);
  await bench.observe(seen('running', { restarts: 2 }));
  t.is(bench.runner.status.restarts, 2, 'restarts by the engine');
  await bench.observe(seen('exited', { restarts: 2 }));
  t.is(bench.actions.at(-1), 'start');
  t.is(bench.runner.status.restarts, 3, 'and one by the worker');
  await bench.pass(60_000);
  await bench.observe(seen('exited', { restarts: 1 }));
  t.is(bench.runner.status.restarts, 5);
});

test('restarts of the worker keep the minimum interval', async (t) => {
  const bench = await runningBench(task({}, always));
  await bench.observe(seen('exited'));
  await bench.pass(999);
  t.is(bench.begun.length, 3);
  await bench.pass(1);
  t.is(bench.begun.length, 4);
});

test('a container killed by a user is not restarted', async (t) => {
  const bench = await runningBench(task({}, always));
  await bench.pass(60_000);
  bench.runner.noteKill();
  await bench.observe(seen('exited', { exitCode: 137 }));
  t.is(bench.ended[0]?.exitCode, 137);
  t.is(bench.begun.length, 3);
});

test('a container that starts on attach waits for its client for a limited time', async (t) => {
  const record = taskWith({ startOnAttach: true });
  const bench = new RunnerBench();
  await bench.assign(record);
  await bench.pass(100_000);
  bench.runner.wake();
  await settle();
  t.deepEqual(bench.actions, ['prepare', 'create']);
  await bench.pass(20_000);
  t.is(bench.ended[0]?.message, 'not started', 'the limit counts from the first wait');
  const attached = new RunnerBench();
  await attached.assign(record);
  attached.runner.noteAttach();
  await settle();
  t.deepEqual(attached.actions, ['prepare', 'create', 'start']);
});

test('a task waits while another container blocks its start', async (t) => {
  const bench = new RunnerBench();
  bench.isBlocked = true;
  await bench.assign(task());
  t.deepEqual(bench.actions, ['prepare', 'create']);
  bench.isBlocked = false;
  bench.runner.wake();
  await settle();
  t.is(bench.runner.status.state, 'running');
});

test('a task waits for its leader and acts on the leader’s container', async (t) => {
  const bench = new RunnerBench();
  const tie = { service: 'vpn', shares: 'network' } as const;
  bench.leaders = [{ tie, seen: undefined }];
  await bench.assign(task());
  t.deepEqual(bench.actions, ['prepare']);
  bench.leaders = [{ tie, seen: seen('running', { id: 'vpn1' }) }];
  bench.runner.wake();
  await settle();
  t.is(bench.runner.status.state, 'running');
  t.is(bench.last.subject.leaders[0]?.seen?.id, 'vpn1');
  t.is(bench.last.subject.seen?.id, 'c1');
});

test('a task adopts the container of its predecessor and remembers the last exit', async (t) => {
  const old = 'old' as TaskId;
  for (const [container, adoption] of [
    [seen('exited', { finishedAt: 'f1' }), { containerId: 'c1', finishedAt: 'f1' }],
    [seen('created'), { containerId: 'c1' }],
  ] as const) {
    const bench = new RunnerBench();
    bench.containers.set(old, container);
    await bench.assign(task({ adopts: old }));
    t.deepEqual(bench.adoptions, [adoption]);
    t.deepEqual(bench.actions, ['start'], 'nothing is prepared or created');
    await bench.observe(undefined);
    t.is(bench.ended[0]?.message, 'container was removed');
  }
});

test('a task without a predecessor adopts nothing', async (t) => {
  const bench = new RunnerBench();
  bench.containers.set('old' as TaskId, seen('exited'));
  await bench.assign(task());
  t.deepEqual(bench.adoptions, []);
});

test('hooks run after the start and before the stop', async (t) => {
  const record = taskWith({ postStart: [hook], preStop: [hook] });
  const bench = new RunnerBench();
  bench.held.add('after-start');
  await bench.assign(record);
  t.is(bench.reports.at(-1)?.state, 'starting', 'not running before the hooks have ended');
  bench.last.end.resolve();
  await settle();
  t.is(bench.reports.at(-1)?.state, 'running');
  await bench.assign({ ...record, desired: 'shutdown' });
  t.deepEqual(bench.actions.slice(2), ['start', 'after-start', 'before-stop', 'stop']);
});

test('hooks run again after each restart', async (t) => {
  const record = { ...taskWith({ engineRestart: always, postStart: [hook], preStop: [hook] }) };
  const bench = await runningBench(record);
  await bench.pass(60_000);
  await bench.observe(seen('exited'));
  t.deepEqual(bench.actions.slice(2), ['start', 'after-start', 'start', 'after-start']);
});

test('a progress message is reported while the action runs', async (t) => {
  const bench = new RunnerBench();
  bench.held.add('prepare');
  await bench.assign(task());
  bench.last.progress('pulling 3/7');
  t.is(bench.reports.at(-1)?.message, 'pulling 3/7');
});

test('the runner does not react to exclusive work until it is done', async (t) => {
  const bench = await runningBench(task({}, always));
  await bench.pass(60_000);
  const during: number[] = [];
  await bench.runner.runExclusive(async () => {
    await bench.observe(seen('exited'));
    during.push(bench.begun.length);
    await bench.observe(seen('running'));
  });
  await settle();
  t.deepEqual(during, [3], 'no turn during the work');
  t.is(bench.begun.length, 3);
});

test('exclusive work waits for the action in flight', async (t) => {
  const bench = new RunnerBench();
  bench.held.add('create');
  await bench.assign(task());
  let isDone = false;
  const work = bench.runner.runExclusive(() => {
    isDone = true;
    return Promise.resolve();
  });
  await settle();
  t.false(isDone);
  bench.last.end.resolve();
  await work;
  t.true(isDone);
});

test('failed exclusive work is reported to its caller and stops neither turns nor later work', async (t) => {
  const bench = await runningBench(task({}, always));
  await bench.pass(60_000);
  const work = bench.runner.runExclusive(() => {
    bench.containers.set(bench.runner.id, seen('exited'));
    return Promise.reject(new Error('no such container'));
  });
  await t.throwsAsync(work, { message: 'no such container' });
  await settle();
  t.is(bench.actions.at(-1), 'start', 'a turn follows the work');
  t.is(bench.runner.status.state, 'running');
});
