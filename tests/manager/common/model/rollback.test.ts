import test from 'ava';
import { aService, aServiceSpec } from '../../../../fixtures/cluster/build.js';
import {
  asPreviousSpec,
  currentUpdate,
  dockerUpdateState,
  isStable,
  referencesOf,
  rolledBack,
  updateConfigOf,
  withNewTasks,
} from '../../../../manager/common/model/rollback.js';
import type {
  Service,
  ServiceSpec,
  UpdateConfig,
  UpdateStatus,
} from '../../../../manager/common/model/service.js';
import { taskHashOf } from '../../../../manager/common/model/spec-hash.js';

const how = { now: 7000, message: 'web.2 on n1: exit 1' };

function anUpdate(service: Service, changes: Partial<UpdateStatus> = {}): UpdateStatus {
  return {
    kind: 'change',
    state: 'running',
    taskHash: service.taskHash,
    startedAt: 1,
    message: '',
    failed: [],
    ...changes,
  };
}

function updating(changes: Partial<UpdateStatus> = {}): Service {
  const service = aService('web');
  return { ...service, updateStatus: anUpdate(service, changes) };
}

/** A service whose image was changed from `old`. */
function changed(previous: Partial<ServiceSpec> = {}, current: Partial<ServiceSpec> = {}): Service {
  const before = aServiceSpec('web', { task: { container: { image: 'old' } } });
  const service = aService('web', { task: { container: { image: 'new' } }, forceUpdate: 4 });
  return {
    ...service,
    spec: { ...service.spec, ...current },
    previousSpec: { ...before, ...previous },
    previousForceUpdate: 3,
  };
}

test('the status of an update is void once the service has changed again', (t) => {
  const service = updating();
  t.is(currentUpdate(service), service.updateStatus);
  t.is(currentUpdate({ ...service, taskHash: 'later' }), undefined);
  t.is(currentUpdate(aService('web')), undefined);
});

test('a spec is stable before its first update and after a completed one', (t) => {
  t.true(isStable(aService('web')));
  t.true(isStable(updating({ state: 'completed' })));
  t.false(isStable(updating({ state: 'running' })));
  t.false(isStable(updating({ state: 'paused' })));
});

test("an update has docker's state, other words for a rollback and none if there was none", (t) => {
  const states = (['running', 'paused', 'completed'] as const).map((state) =>
    (['change', 'roll', 'rollback'] as const).map((kind) =>
      dockerUpdateState(anUpdate(aService('web'), { kind, state })),
    ),
  );
  t.deepEqual(states, [
    ['updating', 'updating', 'rollback_started'],
    ['paused', 'paused', 'rollback_paused'],
    ['completed', 'completed', 'rollback_completed'],
  ]);
  t.is(dockerUpdateState(undefined), undefined);
});

test('a rollback follows rollback_config, every other update update_config', (t) => {
  const config = (delayMs: number): UpdateConfig => ({
    parallelism: 1,
    delayMs,
    failureAction: 'pause',
    monitorMs: 0,
    maxFailureRatio: 0,
    order: 'stop-first',
  });
  const [update, rollback] = [config(1), config(2)];
  const service = aService('web', { update, rollback });
  const during = (kind: UpdateStatus['kind']): Service => ({
    ...service,
    updateStatus: anUpdate(service, { kind }),
  });
  t.is(updateConfigOf(service), update);
  t.is(updateConfigOf(during('change')), update);
  t.is(updateConfigOf(during('roll')), update);
  t.is(updateConfigOf(during('rollback')), rollback);
});

test('a spec refers to its networks, named volumes, secrets and configs', (t) => {
  const volume = { type: 'volume', target: '/a', readOnly: false, noCopy: false } as const;
  const file = { target: '/f', uid: '', gid: '', mode: 0o444 };
  const spec = aServiceSpec('web', {
    task: {
      networks: [{ network: 'demo_front', aliases: [] }],
      container: {
        mounts: [
          { ...volume, source: 'demo_data' },
          volume,
          { type: 'bind', source: '/host', target: '/b', readOnly: false, createHostPath: true },
          { type: 'tmpfs', target: '/t', readOnly: false },
        ],
        files: [
          { ...file, kind: 'secret', source: 'demo_key' },
          { ...file, kind: 'config', source: 'demo_conf' },
        ],
      },
    },
  });
  t.deepEqual(referencesOf(spec), [
    { kind: 'network', name: 'demo_front' },
    { kind: 'volume', name: 'demo_data' },
    { kind: 'secret', name: 'demo_key' },
    { kind: 'config', name: 'demo_conf' },
  ]);
});

test('a service without a previous spec cannot be rolled back', (t) => {
  t.is(rolledBack(aService('web'), how), undefined);
});

test('a rollback restores the previous task spec, so that tasks from before are up to date', (t) => {
  const service = changed();
  const after = rolledBack(service, how);
  if (after === undefined) return t.fail('not rolled back');
  t.is(after.spec.task.container.image, 'old');
  t.is(after.forceUpdate, 3);
  t.is(
    after.taskHash,
    taskHashOf(aServiceSpec('web', { task: { container: { image: 'old' } } }), 3),
  );
  t.deepEqual(after.updateStatus, {
    kind: 'rollback',
    state: 'running',
    taskHash: after.taskHash,
    startedAt: 7000,
    message: 'web.2 on n1: exit 1',
    failed: [],
  });
});

test('a rollback without a recorded count of forced updates keeps the current one', (t) => {
  const { previousForceUpdate: _count, ...service } = changed();
  t.is(rolledBack(service, how)?.forceUpdate, 4);
});

test('a rollback does not undo scale, stop and start', (t) => {
  const mode = { kind: 'replicated', replicas: 5 } as const;
  const after = rolledBack(
    changed(
      { mode: { ...mode, replicas: 2, job: true }, halted: false },
      { mode, halted: true, held: true },
    ),
    how,
  );
  t.deepEqual(after?.spec.mode, { ...mode, job: true });
  t.true(after?.spec.halted);
  t.true(after?.spec.held);
});

test('a service that was started meanwhile is not held again by a rollback', (t) => {
  const after = rolledBack(changed({ held: true }), how);
  t.false(Object.hasOwn(after?.spec ?? { held: true }, 'held'));
});

test('a rollback to another mode takes that mode as it was', (t) => {
  const replicated = { kind: 'replicated', replicas: 3 } as const;
  const global = { kind: 'global' } as const;
  t.deepEqual(rolledBack(changed({ mode: global }, { mode: replicated }), how)?.spec.mode, global);
  t.deepEqual(
    rolledBack(changed({ mode: replicated }, { mode: global }), how)?.spec.mode,
    replicated,
  );
});

test('a second rollback returns to a spec that was stable, but not to one that failed', (t) => {
  const stable = changed();
  const after = rolledBack(stable, how);
  t.is(after?.previousSpec, stable.spec);
  t.is(after?.previousForceUpdate, 4);
  const failed = { ...stable, updateStatus: anUpdate(stable, { state: 'paused' }) };
  const back = rolledBack(failed, how);
  t.truthy(back);
  t.is(back?.previousSpec, undefined);
  t.is(back?.previousForceUpdate, undefined);
});

test('a new spec is stored with the one that it replaces', (t) => {
  const service = aService('web', { forceUpdate: 2 });
  t.deepEqual(asPreviousSpec(service), { previousSpec: service.spec, previousForceUpdate: 2 });
});

test('new tasks for the same spec replace all tasks', (t) => {
  const service = aService('web', { forceUpdate: 2 });
  const after = withNewTasks(service, 7000);
  t.is(after.spec, service.spec);
  t.is(after.forceUpdate, 3);
  t.not(after.taskHash, service.taskHash);
  t.is(after.taskHash, taskHashOf(service.spec, 3));
  t.like(after.updateStatus, {
    kind: 'roll',
    state: 'running',
    taskHash: after.taskHash,
    startedAt: 7000,
    failed: [],
  });
});
