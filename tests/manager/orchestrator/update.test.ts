import test from 'ava';
import type { ServiceSnapshotOptions } from '../../helpers/decisions/service-snapshot.js';
import { aServiceSnapshot } from '../../helpers/decisions/service-snapshot.js';
import type { ServiceOptions, TaskOptions } from '../../../fixtures/cluster/build.js';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { describeTaskChanges } from '../../helpers/decisions/describe-task-changes.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';

const before = (options: ServiceOptions = {}): Service =>
  aService('web', { replicas: 3, ...options });
const after = (options: ServiceOptions = {}): Service => before({ forceUpdate: 1, ...options });

/** Describes the task changes; changes of the update status are tested in watch-update. */
function plan(service: Service, tasks: readonly Task[], options?: ServiceSnapshotOptions): string {
  const changes = reconcile(aServiceSnapshot(service, tasks, options));
  return describeTaskChanges(changes.filter(({ kind }) => kind !== 'update-status'));
}

function old(slot: number, options: TaskOptions = {}): Task {
  return aTask(before(), slot, { id: `old-${slot}`, node: `node-${slot}`, ...options });
}

function fresh(slot: number, options: TaskOptions = {}): Task {
  return aTask(after(), slot, {
    id: `new-${slot}`,
    node: `node-${slot}`,
    createdAt: 5,
    ...options,
  });
}

const ended = { desired: 'shutdown', status: { state: 'shutdown', startedAt: 1 } } as const;
const lines = (...items: string[]): string => items.join('\n');

test('a changed service is recreated one replica at a time, stop-first', (t) => {
  t.is(
    plan(after(), [old(1), old(2), old(3)]),
    'slot 1: old-1 to shutdown: the service was changed',
  );
  t.is(
    plan(after(), [old(1, { desired: 'shutdown' }), old(2), old(3)]),
    '',
    'the old task is still shutting down',
  );
  t.is(
    plan(after(), [old(1, ended), old(2), old(3)]),
    'slot 1: new task, running: the slot is empty',
  );
  for (const state of ['new', 'pending', 'assigned', 'preparing', 'starting'] as const) {
    const tasks = [old(1, ended), fresh(1, { state }), old(2), old(3)];
    t.is(plan(after(), tasks), '', `the new task is ${state}`);
  }
  t.is(
    plan(after(), [old(1, ended), fresh(1), old(2), old(3)]),
    lines(
      'slot 1: forget old-1: it was replaced',
      'slot 2: old-2 to shutdown: the service was changed',
    ),
  );
});

test('the next replica waits until the previous one is healthy', (t) => {
  const withHealth = (health: 'starting' | 'healthy' | 'unhealthy'): Task =>
    fresh(1, { status: { state: 'running', health } });
  for (const health of ['starting', 'unhealthy'] as const) {
    t.is(plan(after(), [withHealth(health), old(2), old(3)]), '');
  }
  t.is(
    plan(after(), [withHealth('healthy'), old(2), old(3)]),
    'slot 2: old-2 to shutdown: the service was changed',
  );
});

test('a failing update leaves the other replicas alone', (t) => {
  const failed = fresh(1, { status: { state: 'failed', exitCode: 1, startedAt: 1 } });
  t.is(plan(after(), [failed, old(2), old(3)]), '');
  const refused = fresh(1, { state: 'rejected', updatedAt: 0 });
  t.is(plan(after(), [refused, old(2), old(3)]), 'wait until 1000: rejected: ');
});

test('failure_action continue updates the next replica despite failures', (t) => {
  const update = {
    parallelism: 1,
    delayMs: 0,
    failureAction: 'continue',
    monitorMs: 0,
    maxFailureRatio: 0,
    order: 'stop-first',
  } as const;
  const failed = fresh(1, { status: { state: 'failed', exitCode: 1, startedAt: 1 } });
  t.is(
    plan(after({ update }), [failed, old(2), old(3)]),
    'slot 2: old-2 to shutdown: the service was changed',
  );
});

test('an unavailable replica is replaced without waiting for its turn', (t) => {
  const crashed = old(2, { status: { state: 'failed', exitCode: 1, startedAt: 1 } });
  t.is(
    plan(after(), [old(1), crashed, old(3, { state: 'starting' })]),
    lines(
      'slot 2: old-2 to shutdown: the service was changed',
      'slot 2: new task, running: the service was changed',
      'slot 3: old-3 to shutdown: the service was changed',
    ),
  );
});

test('a replica that was never placed does not block the others', (t) => {
  const unplaced = aTask(after(), 3, { id: 'new-3' });
  t.is(
    plan(after(), [old(1), fresh(2), unplaced]),
    'slot 1: old-1 to shutdown: the service was changed',
  );
});

test('parallelism and delay are honoured', (t) => {
  const update = {
    parallelism: 2,
    delayMs: 10_000,
    failureAction: 'pause',
    monitorMs: 0,
    maxFailureRatio: 0,
    order: 'stop-first',
  } as const;
  const service = after({ update });
  t.is(
    plan(service, [old(1), old(2), old(3)]),
    lines(
      'slot 1: old-1 to shutdown: the service was changed',
      'slot 2: old-2 to shutdown: the service was changed',
    ),
  );
  const two = [fresh(1, { status: { at: 3_000 } }), fresh(2, { status: { at: 4_000 } }), old(3)];
  t.is(plan(service, two, { now: 5_000 }), 'wait until 14000: delay between updates');
  t.is(plan(service, two, { now: 14_000 }), 'slot 3: old-3 to shutdown: the service was changed');
  const all = { ...update, parallelism: 0 };
  t.is(plan(after({ update: all }), [old(1), old(2), old(3)]).split('\n').length, 3);
});

test('start-first stops the old task once the new one is available', (t) => {
  const update = {
    parallelism: 1,
    delayMs: 0,
    failureAction: 'pause',
    monitorMs: 0,
    maxFailureRatio: 0,
    order: 'start-first',
  } as const;
  const service = after({ update });
  t.is(
    plan(service, [old(1), old(2), old(3)]),
    'slot 1: new task, running: the service was changed',
  );
  t.is(plan(service, [old(1), fresh(1, { state: 'starting' }), old(2), old(3)]), '');
  t.is(
    plan(service, [old(1), fresh(1), old(2), old(3)]),
    lines(
      'slot 1: old-1 to shutdown: the slot has a newer task',
      'slot 2: new task, running: the service was changed',
    ),
  );
});

test('unreported tasks count as available after a leader change', (t) => {
  const nodes = ['node-1', 'node-2', 'node-3'].map((name) => aNode(name, { since: 1_000 }));
  const tasks = [1, 2, 3].map((slot) => old(slot, { state: 'assigned' }));
  t.is(
    plan(after(), tasks, { nodes, now: 1_500 }),
    lines(
      'slot 1: old-1 to shutdown: the service was changed',
      'wait until 3000: waiting for nodes to report',
    ),
  );
  const unknown = nodes.map((node) => ({
    ...node,
    status: { ...node.status, state: 'unknown' as const },
  }));
  t.is(
    plan(after(), tasks, { nodes: unknown, now: 1_500 }),
    'slot 1: old-1 to shutdown: the service was changed',
  );
});

test('a fix of a failed update replaces only broken replicas at first', (t) => {
  const fixed = before({ forceUpdate: 2 });
  const broken = fresh(1, { state: 'rejected' });
  t.is(
    plan(fixed, [broken, old(2), old(3)]),
    lines(
      'slot 1: new-1 to shutdown: the service was changed',
      'slot 1: new task, running: the service was changed',
    ),
  );
});

test('an update of a held service continues once the previous container is created', (t) => {
  const gate = { open: false };
  const held = after({ held: true });
  const made = (state: 'preparing' | 'ready') => fresh(1, { state, desired: 'ready' });
  t.is(plan(held, [made('preparing'), old(2), old(3)], { gate }), '');
  t.is(
    plan(held, [made('ready'), old(2), old(3)], { gate }),
    'slot 2: old-2 to shutdown: the service was changed',
  );
});
