import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import { newLocalState, type LocalTaskState } from '../../../worker/tasks/local-state.js';
import { nextStep, type TaskStep } from '../../../worker/tasks/step.js';

const now = 1_000_000;
const prepared: LocalTaskState = { ...newLocalState(now, now), prepared: true, state: 'ready' };
const plain = aTask(aService('web'), 1, { id: 't1', node: 'node-a' });
const record = {
  ...plain,
  spec: { ...plain.spec, container: { ...plain.spec.container, startOnAttach: true } },
};

function created(memory: LocalTaskState, at = now): TaskStep {
  const seen = {
    id: 'c1',
    name: 'demo-web-1',
    taskId: 't1' as TaskId,
    state: 'created' as const,
    restarts: 0,
    ports: [],
    imageId: 'sha256:1',
    addresses: {},
  };
  return nextStep({ task: record, seen, memory, now: at });
}

test('a container that starts on attach waits for a client', (t) => {
  t.like(created(prepared), { kind: 'wait', for: 'a client to attach', until: now + 120_000 });
});

test('it starts once a client has attached', (t) => {
  t.like(created({ ...prepared, isAttached: true }), { kind: 'act', action: 'start' });
});

test('it fails if no client attaches in time', (t) => {
  const waiting = { ...prepared, attachWaitSince: now };
  t.like(created(waiting, now + 119_999), { kind: 'wait' });
  t.deepEqual(created(waiting, now + 120_000), {
    kind: 'end',
    state: 'failed',
    message: 'not started',
    error: 'no client attached within 120 s; run the command again',
  });
});
