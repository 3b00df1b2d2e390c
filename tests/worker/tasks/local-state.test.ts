import test from 'ava';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { ObservedContainer } from '../../../worker/executor/executor.js';
import {
  advanceState,
  applyObservation,
  newLocalState,
  statusOf,
  type LocalTaskState,
} from '../../../worker/tasks/local-state.js';

const container: ObservedContainer = {
  id: 'c1',
  name: 'shop-web-1',
  taskId: 'web-1' as TaskId,
  state: 'running',
  startedAt: 5,
  restarts: 2,
  ports: [{ target: 80, protocol: 'tcp', hostIp: '0.0.0.0', published: 8080 }],
  imageId: 'sha256:1',
  addresses: {},
};
const { startedAt: _startedAt, ...stopped } = container;
const fresh = newLocalState(3, 7);

test('a new task is accepted at wall-clock time and received at monotonic time', (t) => {
  t.deepEqual(statusOf(fresh, undefined), { state: 'accepted', at: 3, message: 'accepted' });
  t.is(fresh.receivedAt, 7);
  t.false(fresh.prepared);
});

test('a state is entered once: later messages keep its time', (t) => {
  const ready = advanceState(fresh, 'ready', 'created', 10);
  t.like(ready, { state: 'ready', message: 'created', at: 10 });
  t.like(advanceState(ready, 'ready', 'waiting', 20), { message: 'waiting', at: 10 });
  t.is(advanceState(ready, 'ready', 'created', 20), ready);
  t.is(advanceState(ready, 'preparing', 'pulling', 20), ready, 'never backwards');
});

test('without a container, or after the end, nothing is observed', (t) => {
  const ended = { ...fresh, ended: { state: 'failed', at: 1, message: 'exited (1)' } as const };
  t.is(applyObservation(fresh, undefined, 10), fresh);
  t.is(applyObservation(ended, container, 10), ended);
});

test('a created container makes the task ready', (t) => {
  const { lastStartedAt: _last, ...created } = { ...stopped, lastStartedAt: 0 };
  const memory = applyObservation(fresh, { ...created, state: 'created' }, 10);
  t.deepEqual(memory, {
    ...fresh,
    state: 'ready',
    at: 10,
    message: 'container created',
    prepared: true,
  });
});

test('a running container makes the task running, unless its hooks have not run', (t) => {
  const memory = applyObservation(fresh, container, 10);
  t.like(memory, { state: 'running', at: 10, message: 'running', startedAt: 5, prepared: true });
  const pending = applyObservation({ ...fresh, postStartPending: true }, container, 10);
  t.like(pending, { state: 'starting', message: 'post_start hooks', startedAt: 5 });
});

test('a container between two restarts keeps its last start', (t) => {
  const restarting = { ...stopped, state: 'restarting', lastStartedAt: 4 } as const;
  const memory = applyObservation(fresh, restarting, 10);
  t.like(memory, { state: 'running', message: 'restarting', startedAt: 4 });
});

test('a running container ends a series of rejected starts', (t) => {
  const rejected: LocalTaskState = { ...fresh, startFailures: 2, startError: 'no such device' };
  const memory = applyObservation(rejected, container, 10);
  t.is(memory.startFailures, 0);
  t.false('startError' in memory);
  const restarting = applyObservation(rejected, { ...stopped, state: 'restarting' }, 10);
  t.like(restarting, { startFailures: 2, startError: 'no such device' });
});

test('the error of a failed hook stays while the container runs', (t) => {
  const memory = applyObservation({ ...fresh, startError: 'hook failed' }, container, 10);
  t.is(statusOf(memory, container).error, 'hook failed');
});

test('the status of a running container has its identity, start, ports and restarts', (t) => {
  const memory = applyObservation({ ...fresh, restartsBefore: 3 }, container, 10);
  t.deepEqual(statusOf(memory, container), {
    state: 'running',
    at: 10,
    message: 'running',
    containerId: 'c1',
    imageId: 'sha256:1',
    restarts: 5,
    ports: container.ports,
    startedAt: 5,
  });
});

test('command, anonymous volumes, health and pause are part of the status if known', (t) => {
  const memory = applyObservation(fresh, container, 10);
  const known = { command: ['sh'], anonymousVolumes: ['/data'], health: 'healthy' } as const;
  t.like(statusOf(memory, { ...container, ...known }), known);
  t.true(statusOf(memory, { ...container, state: 'paused' }).paused);
});

test('a stopped container has neither health nor start time', (t) => {
  const running = applyObservation(fresh, container, 10);
  const status = statusOf(running, { ...stopped, state: 'exited', health: 'unhealthy' });
  t.false('health' in status);
  t.false('startedAt' in status);
  t.false('paused' in status);
  // The engine may report a start time with a container that has just exited.
  t.false('startedAt' in statusOf(running, { ...container, state: 'exited' }));
});

test('a container between two restarts has the exit code of its last run', (t) => {
  const running = applyObservation(newLocalState(0, 0), container, 10);
  for (const state of ['restarting', 'exited'] as const) {
    const status = statusOf(running, { ...stopped, state, exitCode: 1 });
    t.is(status.state, 'running');
    t.is(status.message, 'restarting');
    t.is(status.exitCode, 1);
    t.is(status.startedAt, undefined);
  }
  t.false('exitCode' in statusOf(running, { ...container, exitCode: 1 }), 'it runs again');
  t.false('exitCode' in statusOf(running, { ...stopped, state: 'restarting' }));
});

test('a container that has not run yet has no exit code', (t) => {
  const created = { ...stopped, state: 'created', exitCode: 0 } as const;
  const status = statusOf(applyObservation(fresh, created, 10), created);
  t.false('exitCode' in status);
  t.is(status.message, 'container created');
});

test('the error of a rejected start takes precedence over that of a retried action', (t) => {
  const retried = { ...fresh, retried: { action: 'stop', error: 'engine is away' } as const };
  t.is(statusOf(retried, undefined).error, 'engine is away');
  t.is(statusOf({ ...retried, startError: 'no such device' }, container).error, 'no such device');
});

test('the status of an ended task is its final one, whatever its container does', (t) => {
  const ended = { state: 'complete', at: 1, message: 'exited (0)' } as const;
  t.deepEqual(statusOf({ ...fresh, ended }, container), ended);
});
