import test from 'ava';
import { aServiceSpec, aVolume } from '../../../fixtures/cluster/build.js';
import { isAppError, isForbidden } from '../../../manager/common/base/errors.js';
import type { ServiceSpec, UpdateConfig } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { ProjectSettings } from '../../../manager/common/protocol/project-calls.js';
import { anApply } from '../../helpers/managers/project-apply.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { until } from '../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

const update: UpdateConfig = {
  parallelism: 1,
  delayMs: 0,
  failureAction: 'pause',
  monitorMs: 0,
  maxFailureRatio: 0,
  order: 'start-first',
};

function web(replicas: number, changes: Partial<ServiceSpec> = {}, image = 'web:1'): ServiceSpec {
  return { ...aServiceSpec('web', { replicas, task: { container: { image } } }), ...changes };
}

function apply(manager: TestManager, ...services: readonly ServiceSpec[]): Promise<unknown> {
  const known = services.map(({ service }) => service);
  return manager.call('project.apply', { ...anApply({ services }), project: 'demo', known });
}

function quota(manager: TestManager, limits: object): Promise<ProjectSettings> {
  return manager.call('project.set-quota', { project: 'demo', limits });
}

/** Waits for a number of running and of waiting tasks; returns the waiting ones. */
async function counts(
  manager: TestManager,
  running: number,
  waiting: number,
): Promise<readonly Task[]> {
  let found: readonly Task[] = [];
  await until(`${running} running, ${waiting} waiting`, 20_000, async () => {
    const tasks = await manager.call('task.list', { project: 'demo' });
    found = tasks.filter(({ status, overQuota }) => status.state === 'pending' && overQuota);
    const active = tasks.filter((task) => task.status.state === 'running');
    return active.length === running && found.length === waiting;
  });
  return found;
}

test('tasks over quota wait with the reason until it is raised or others are removed', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1');
  const set = await quota(manager, { containers: 2 });
  t.deepEqual(set.quota, { containers: 2 });
  await apply(manager, web(3), { ...web(1), name: 'demo_db', service: 'db' });
  const waiting = await counts(manager, 2, 2);
  for (const { explanation } of waiting) {
    t.like(explanation, {
      placed: false,
      summary: 'quota of project demo is exceeded: containers (requested 1, used 2, limit 2)',
    });
  }
  await quota(manager, { containers: 3 });
  await counts(manager, 3, 1);
  const [{ used } = set] = await manager.call('project.settings', { project: 'demo' });
  t.is(used.containers, 3);
  // The room that one service leaves goes to the other one.
  await manager.call('service.scale', { project: 'demo', replicas: { web: 2 } });
  await counts(manager, 3, 0);
  await quota(manager, { containers: null });
  await manager.call('service.scale', { project: 'demo', replicas: { web: 4 } });
  await counts(manager, 5, 0);
});

test('an update with start-first ends although the quota is full', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1');
  await quota(manager, { containers: 2 });
  await apply(manager, web(2, { update }));
  await counts(manager, 2, 0);
  await apply(manager, web(2, { update }, 'web:2'));
  await until('the update', 20_000, async () => {
    const tasks = await manager.call('task.list', { project: 'demo' });
    const active = tasks.filter(({ status }) => status.state === 'running');
    return active.length === 2 && active.every(({ spec }) => spec.container.image === 'web:2');
  });
  await counts(manager, 2, 0);
  t.pass();
});

test('named volumes over quota are refused, and only admins set quotas', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await quota(manager, { volumes: 1 });
  const volumes = ['one', 'two'].map((name) => aVolume(name).spec);
  const [one] = volumes;
  t.truthy(one);
  if (one === undefined) return;
  await manager.call('volume.create', one);
  await manager.call('volume.create', one);
  const refused = await t.throwsAsync(
    manager.call('project.apply', { ...anApply({ services: [] }), project: 'demo', volumes }),
  );
  t.true(isAppError(refused) && refused.kind === 'conflict');
  t.is(
    refused.message,
    'volume two: quota of project demo is exceeded: volumes (requested 1, used 1, limit 1); remove containers or volumes of the project, or ask an admin for "shoal project quota demo"',
  );
  const invalid = await t.throwsAsync(
    manager.call('project.set-quota', { project: 'no/name', limits: {} }),
  );
  t.true(isAppError(invalid) && invalid.kind === 'invalid');
  t.false(isForbidden(invalid));
  await manager.call('project.set-quota', { project: 'demo', reset: true });
  t.deepEqual(await manager.call('project.settings', {}), []);
});
