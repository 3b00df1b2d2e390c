import test from 'ava';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { ObservedContainer } from '../../../worker/executor/executor.js';
import { applyObservation, newLocalState, statusOf } from '../../../worker/tasks/local-state.js';

const container: ObservedContainer = {
  id: 'c1',
  name: 'shop-web-1',
  taskId: 'web-1' as TaskId,
  state: 'running',
  startedAt: 5,
  restarts: 2,
  ports: [],
  imageId: 'sha256:1',
  addresses: {},
};

test('a container between two restarts has the exit code of its last run', (t) => {
  const running = applyObservation(newLocalState(0, 0), container, 10);
  const { startedAt: _startedAt, ...stopped } = container;
  for (const state of ['restarting', 'exited'] as const) {
    const status = statusOf(running, { ...stopped, state, exitCode: 1 });
    t.is(status.state, 'running');
    t.is(status.exitCode, 1);
    t.is(status.startedAt, undefined);
  }
  t.is(statusOf(running, { ...container, exitCode: 1 }).exitCode, undefined, 'it runs again');
});
