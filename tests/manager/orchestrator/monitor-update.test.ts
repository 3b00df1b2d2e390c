import test from 'ava';
import type { TaskOptions } from '../../../fixtures/cluster/build.js';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { asPreviousSpec, withNewTasks } from '../../../manager/common/model/rollback.js';
import type { Service, UpdateConfig, UpdateStatus } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { TaskChange } from '../../../manager/orchestrator/task-change.js';
import { describeTaskChanges } from '../../helpers/decisions/describe-task-changes.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';
import { aServiceSnapshot } from '../../helpers/decisions/service-snapshot.js';

const careful: UpdateConfig = {
  parallelism: 1,
  delayMs: 0,
  failureAction: 'rollback',
  monitorMs: 5_000,
  maxFailureRatio: 0,
  order: 'stop-first',
};
const image = (tag: string) => ({ container: { image: `web:${tag}` } });
const previous = aService('web', { replicas: 3, task: image('1') });

/** Service updated from `web:1` to `web:2`; the update started at 1000. */
function changed(update?: Partial<UpdateConfig>, status: Partial<UpdateStatus> = {}): Service {
  const config = update === undefined ? {} : { update: { ...careful, ...update } };
  const service = aService('web', { replicas: 3, task: image('2'), ...config });
  const { taskHash } = service;
  const running = { kind: 'change', state: 'running', startedAt: 1_000, message: '' } as const;
  return {
    ...service,
    ...asPreviousSpec(previous),
    updateStatus: { ...running, taskHash, failed: [], ...status },
  };
}

const old = (slot: number): Task =>
  aTask(previous, slot, { id: `old-${slot}`, node: `node-${slot}` });

function fresh(slot: number, options: TaskOptions = {}): Task {
  const at = { createdAt: 2_000, updatedAt: 3_000 };
  return aTask(changed(), slot, { id: `new-${slot}`, node: `node-${slot}`, ...at, ...options });
}

const crashed = { status: { state: 'failed', at: 3_500, startedAt: 3_000, exitCode: 7 } } as const;

function decide(
  service: Service,
  tasks: readonly Task[],
  now = 4_000,
  noWayBack?: string,
): readonly TaskChange[] {
  const snapshot = aServiceSnapshot(service, tasks, { now });
  return reconcile(
    noWayBack === undefined ? snapshot : { ...snapshot, rollbackBlocker: noWayBack },
  );
}

function statusAfter(changes: readonly TaskChange[]): UpdateStatus | undefined {
  return changes.flatMap((change) => (change.kind === 'update-status' ? [change.status] : []))[0];
}

test('the update status is written with the first change', (t) => {
  const { updateStatus: _none, ...service } = changed(careful);
  const changes = decide(service, [old(1), old(2), old(3)], 1_000);
  t.is(
    describeTaskChanges(changes),
    'change running: the service was changed\nslot 1: old-1 to shutdown: the service was changed',
  );
  t.like(statusAfter(changes), { startedAt: 1_000, taskHash: service.taskHash, failed: [] });
});

test('creating or scaling a service is not an update', (t) => {
  const { updateStatus: _none, ...service } = changed(careful);
  t.is(
    describeTaskChanges(decide(service, [fresh(1), fresh(2)])),
    'slot 3: new task, running: the slot is empty',
  );
});

test('an update completes when its last task has run for the monitor period', (t) => {
  const tasks = [fresh(1), fresh(2), fresh(3, { updatedAt: 6_000 })];
  t.is(
    describeTaskChanges(decide(changed(careful), tasks, 7_000)),
    'wait until 11000: monitoring new tasks',
  );
  const changes = decide(changed(careful), tasks, 11_000);
  t.is(describeTaskChanges(changes), 'change completed: every slot is up to date');
  t.is(statusAfter(changes)?.endedAt, 11_000);
  const waiting = fresh(3, { status: { state: 'running', health: 'starting' } });
  t.is(describeTaskChanges(decide(changed(careful), [fresh(1), fresh(2), waiting], 60_000)), '');
});

test('a task that fails within the monitor period triggers a rollback', (t) => {
  t.is(
    describeTaskChanges(decide(changed(careful), [fresh(1, crashed), old(2), old(3)])),
    'roll back to the previous spec: web.1 on node-1: exit 7',
  );
});

test('rejected, unhealthy, restarted and crashed tasks count as failed', (t) => {
  const isFailure = (status: Partial<Task['status']>): boolean =>
    decide(changed(careful), [fresh(1, { status }), old(2), old(3)]).some(
      ({ kind }) => kind === 'roll-back',
    );
  t.true(isFailure({ state: 'rejected', error: 'no such image' }));
  t.true(isFailure({ state: 'running', health: 'unhealthy' }));
  t.true(isFailure({ state: 'running', at: 3_000, startedAt: 3_400, restarts: 1 }));
  t.false(isFailure({ state: 'running', at: 3_000, startedAt: 9_000, restarts: 1 }), 'too late');
  t.false(isFailure({ state: 'complete', at: 3_500, startedAt: 3_000, exitCode: 0 }));
  t.false(isFailure({ state: 'shutdown', at: 3_500, startedAt: 3_000 }));
  t.false(isFailure({ state: 'running', health: 'starting' }));
});

test('an end after the monitor period counts only if the task is not restarted', (t) => {
  const late = { status: { state: 'failed', at: 9_000, startedAt: 3_000, exitCode: 1 } } as const;
  const goesBack = (service: Service): boolean =>
    decide(service, [fresh(1, late), old(2), old(3)]).some(({ kind }) => kind === 'roll-back');
  t.true(goesBack(changed(careful)));
  const { spec, ...rest } = changed(careful);
  const restart = { condition: 'any', delayMs: 0, maxAttempts: 0, windowMs: 0 } as const;
  t.false(goesBack({ ...rest, spec: { ...spec, task: { ...spec.task, restart } } }));
});

test('failures before the update or of the previous spec do not count', (t) => {
  const earlier = fresh(1, { ...crashed, createdAt: 500 });
  const outdated = aTask(previous, 1, {
    id: 'old-1',
    node: 'node-1',
    createdAt: 2_000,
    ...crashed,
  });
  for (const task of [earlier, outdated]) {
    const kinds = decide(changed(careful), [task, old(2), old(3)]).map(({ kind }) => kind);
    t.false(kinds.includes('roll-back'));
  }
});

test('failures within max_failure_ratio are recorded and not waited for', (t) => {
  const service = changed({ maxFailureRatio: 0.4 });
  const changes = decide(service, [fresh(1, crashed), old(2), old(3)]);
  t.is(
    describeTaskChanges(changes),
    'change running: web.1 on node-1: exit 7\nslot 2: old-2 to shutdown: the service was changed',
  );
  t.deepEqual(statusAfter(changes)?.failed, [1]);
  const second = changed({ maxFailureRatio: 0.4 }, { failed: [1] });
  const next = decide(second, [fresh(1, crashed), fresh(2, crashed), old(3)]);
  t.is(
    describeTaskChanges(next),
    'roll back to the previous spec: web.1 on node-1: exit 7, and 1 more',
    'two of three are too many',
  );
});

test('failure_action pause stops the update and records the reason', (t) => {
  const service = changed({ failureAction: 'pause' });
  const tasks = [fresh(1, crashed), old(2), old(3)];
  const changes = decide(service, tasks);
  t.is(describeTaskChanges(changes), 'change paused: web.1 on node-1: exit 7');
  const status = statusAfter(changes);
  const paused = { ...service, ...(status === undefined ? {} : { updateStatus: status }) };
  t.is(describeTaskChanges(decide(paused, tasks)), '', 'a paused update makes no changes');
  t.is(
    describeTaskChanges(decide(paused, [fresh(1), old(2), old(3)])),
    '',
    'not even when the task becomes available',
  );
});

test('failure_action continue updates the next slot and counts failures', (t) => {
  const service = changed({ failureAction: 'continue' }, { failed: [1] });
  const restarting = fresh(1, { status: { state: 'running', message: 'restarting', restarts: 9 } });
  const unwell = { status: { state: 'running', health: 'unhealthy' } } as const;
  t.is(
    describeTaskChanges(decide(service, [restarting, fresh(2, unwell), old(3)])),
    'change running: web.2 on node-2: is unhealthy\nslot 3: old-3 to shutdown: the service was changed',
  );
  const done = changed({ failureAction: 'continue' }, { failed: [2] });
  const over = statusAfter(decide(done, [fresh(1), fresh(2, unwell), fresh(3)], 60_000));
  t.like(over, { state: 'completed', message: 'web.2 on node-2: is unhealthy' });
});

test('without update_config an update waits for a failed slot to become available', (t) => {
  const tasks = (status: Partial<Task['status']>): readonly Task[] => [
    fresh(1, { status }),
    old(2),
    old(3),
  ];
  const failed = changed(undefined, { failed: [1] });
  t.is(
    describeTaskChanges(decide(changed(), tasks({ state: 'rejected', error: 'no image' }), 3_500)),
    'wait until 4000: rejected: no image\nchange running: web.1 on node-1: no image',
  );
  t.is(
    describeTaskChanges(decide(failed, tasks({ state: 'running' }))),
    'slot 2: old-2 to shutdown: the service was changed',
  );
});

test('an update that cannot roll back pauses with the reason', (t) => {
  const tasks = [fresh(1, crashed), old(2), old(3)];
  const reason = (service: Service, gone?: string): string | undefined =>
    statusAfter(decide(service, tasks, 4_000, gone))?.message;
  t.is(
    reason(changed(careful), 'network front no longer exists'),
    'web.1 on node-1: exit 7; cannot roll back: network front no longer exists',
  );
  const { previousSpec: _former, ...only } = changed(careful);
  t.is(reason(only), 'web.1 on node-1: exit 7; cannot roll back: there is no previous spec');
});

test('rolls and rollbacks are never rolled back', (t) => {
  const back = changed(careful, { kind: 'rollback' });
  const config = { ...careful, failureAction: 'pause' } as const;
  const going = { ...back, spec: { ...back.spec, rollback: config } };
  t.like(statusAfter(decide(going, [fresh(1, crashed), old(2), old(3)])), {
    kind: 'rollback',
    state: 'paused',
  });
  const again = withNewTasks(changed(careful), 1_000);
  const task = { ...fresh(1, crashed), taskHash: again.taskHash };
  t.like(statusAfter(decide(again, [task, old(2), old(3)])), { kind: 'roll', state: 'paused' });
});

test('a rollback follows rollback_config', (t) => {
  const back = changed(careful, { kind: 'rollback' });
  const rollback = { ...careful, parallelism: 0 };
  const tasks = [old(1), old(2), old(3)];
  t.is(decide({ ...back, spec: { ...back.spec, rollback } }, tasks).length, 3);
  t.is(decide(back, tasks).length, 1, 'one slot at a time by default');
});

test('a returning task of an older spec is updated after the update has completed', (t) => {
  const service = changed(careful, { state: 'completed' });
  t.is(
    describeTaskChanges(decide(service, [fresh(1), fresh(2), old(3)])),
    'change running: the service was changed\nslot 3: old-3 to shutdown: the service was changed',
  );
});
