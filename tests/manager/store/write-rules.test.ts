import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { isAppError } from '../../../manager/common/base/errors.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { Actor } from '../../../manager/common/model/task-state.js';
import { validateTaskWrite } from '../../../manager/store/write-rules.js';

const service = aService('web');
const running = aTask(service, 1, { id: 't1', node: 'w1' });

function refusal(actor: Actor, before: Task | undefined, after: Task): string {
  try {
    validateTaskWrite(actor, before, after);
  } catch (error) {
    if (!isAppError(error) || error.kind !== 'internal') throw error;
    return error.message;
  }
  return '';
}

test('a new task starts as new and is created by the orchestrator', (t) => {
  const fresh = aTask(service, 1, { id: 't1', state: 'new' });
  t.is(refusal('orchestrator', undefined, fresh), '');
  t.is(
    refusal('orchestrator', undefined, running),
    'task t1: orchestrator may not change its state from none to running',
  );
});

test('a state changes forward, by the actor that owns the transition', (t) => {
  const failed = { ...running, status: { ...running.status, state: 'failed' } } as const;
  t.is(refusal('dispatcher', running, failed), '');
  t.is(
    refusal('scheduler', running, failed),
    'task t1: scheduler may not change its state from running to failed',
  );
  t.regex(refusal('dispatcher', failed, running), /from failed to running/u);
});

test('a desired state never changes back', (t) => {
  const stopping = { ...running, desired: 'shutdown' } as const;
  t.is(refusal('orchestrator', running, stopping), '');
  t.is(refusal('orchestrator', stopping, stopping), '');
  t.is(
    refusal('orchestrator', stopping, running),
    'task t1: desired state may not change back from shutdown to running',
  );
});

test('a task gets a node once and keeps it', (t) => {
  const { nodeId: _node, ...rest } = running;
  const nowhere: Task = rest;
  t.is(refusal('scheduler', nowhere, running), '');
  t.is(refusal('dispatcher', running, { ...running }), '');
  t.is(
    refusal('dispatcher', running, { ...running, nodeId: 'w2' as NodeId }),
    'task t1: may not change its node from w1 to w2',
  );
  t.is(refusal('dispatcher', running, nowhere), 'task t1: may not change its node from w1 to none');
});

test('a restored backup may write any task', (t) => {
  t.is(refusal('restore', undefined, running), '');
  const other = { ...running, nodeId: 'w2' as NodeId, desired: 'ready' } as const;
  t.is(refusal('restore', { ...running, desired: 'shutdown' }, other), '');
});
