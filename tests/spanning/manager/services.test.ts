import test from 'ava';
import { aServiceSpec } from '../../../fixtures/cluster/build.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { ServiceSpec } from '../../../manager/common/model/service.js';
import type {
  ProjectApply,
  ProjectApplyResult,
} from '../../../manager/common/protocol/project-calls.js';
import type { FakeWorker } from '../../helpers/fakes/fake-worker.js';
import { aStatus } from '../../helpers/fakes/fake-worker.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import { until } from '../../helpers/until.js';
import { anApply } from '../../helpers/managers/project-apply.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

async function apply(
  manager: TestManager,
  services: readonly ServiceSpec[],
  more: Partial<ProjectApply> = {},
): Promise<ProjectApplyResult> {
  return manager.call('project.apply', anApply({ services, ...more }));
}

async function tasksOnce(
  manager: TestManager,
  what: string,
  holds: (tasks: readonly Task[]) => boolean,
): Promise<readonly Task[]> {
  let tasks: readonly Task[] = [];
  await until(what, 10_000, async () => {
    tasks = await manager.call('task.list', { project: 'demo' });
    return holds(tasks);
  });
  return tasks;
}

const onFailure = { condition: 'on-failure', delayMs: 0, maxAttempts: 0, windowMs: 0 } as const;

const running = (count: number) => (tasks: readonly Task[]) =>
  tasks.filter(({ status }) => status.state === 'running').length === count;

/** `service/slot` with the desired state and stop timeout that its worker received. */
function told(worker: FakeWorker): readonly string[] {
  return [...worker.held.tasks.values()]
    .map(
      ({ service, slot, desired, stopTimeoutMs = '-' }) =>
        `${service}/${slot} ${desired} ${stopTimeoutMs}`,
    )
    .sort();
}

test('the stop timeout reaches the worker with the desired state', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1');
  await apply(manager, [aServiceSpec('db'), aServiceSpec('web')]);
  await tasksOnce(manager, 'both to run', running(2));
  worker.reportsAssigned = false;
  const halt = (timeoutMs?: number) =>
    manager.call('service.halt', {
      project: 'demo',
      services: ['web'],
      halted: true,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  await halt(3_000);
  const expected = ['db/1 running -', 'web/1 shutdown 3000'];
  await until('the order to stop', 10_000, () => told(worker).join() === expected.join());
  await halt();
  await until('the last word to count', 10_000, () => told(worker).includes('web/1 shutdown -'));
  await manager.call('project.remove', { project: 'demo', volumes: false, timeoutMs: 0 });
  const removed = ['db/1 remove 0', 'web/1 remove 0'];
  await until('the order to go', 10_000, () => told(worker).join() === removed.join());
  t.pass();
});

test('the timeout of up applies to replaced and removed tasks only', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1');
  const web = aServiceSpec('web', { replicas: 2 });
  const db = aServiceSpec('db');
  await apply(manager, [db, web]);
  await tasksOnce(manager, 'all to run', running(3));
  worker.reportsAssigned = false;
  const fewer = { ...web, mode: { kind: 'replicated', replicas: 1 } } as const;
  await apply(manager, [db, fewer], { timeoutMs: 2_000, forceRecreate: ['db'] });
  const expected = ['db/1 shutdown 2000', 'web/1 running -', 'web/2 remove 2000'];
  await until('the orders', 10_000, () => told(worker).join() === expected.join());
  t.pass();
});

test('services of a pod scale together', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const side = aServiceSpec('side', {
    task: { container: { networkMode: { kind: 'service', service: 'web' } } },
  });
  await apply(manager, [aServiceSpec('web'), side, aServiceSpec('db')]);
  const scale = (replicas: Readonly<Record<string, number>>) =>
    manager.call('service.scale', { project: 'demo', replicas });
  const counts = async () =>
    (await manager.call('service.list', { project: 'demo' }))
      .map(({ spec }) => `${spec.service} ${'replicas' in spec.mode ? spec.mode.replicas : ''}`)
      .sort();
  await scale({ side: 3 });
  t.deepEqual(await counts(), ['db 1', 'side 3', 'web 3']);
  await scale({ web: 2, side: 2, db: 4 });
  t.deepEqual(await counts(), ['db 4', 'side 2', 'web 2']);
  await t.throwsAsync(scale({ web: 1, side: 2 }), {
    message: 'services web and side: share namespaces or volumes; scale both to the same number',
  });
});

test('up does not rerun an unchanged completed job', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1');
  const job = aServiceSpec('job', { task: { restart: onFailure } });
  const spec = { ...job, mode: { kind: 'replicated', replicas: 1, job: true } } as const;
  await apply(manager, [spec]);
  const [task] = await tasksOnce(manager, 'it to run', running(1));
  if (task === undefined) throw new Error('there is no task');
  const { status } = task;
  worker.report(task.id, { ...status, state: 'complete', exitCode: 0 });
  const complete = (tasks: readonly Task[]) => tasks.some((one) => one.status.state === 'complete');
  await tasksOnce(manager, 'its end', complete);
  await apply(manager, [spec]);
  const tasks = await manager.call('task.list', { project: 'demo' });
  t.deepEqual(
    tasks.map(({ id, desired }) => ({ id, desired })),
    [{ id: task.id, desired: 'running' }],
  );
  await apply(manager, [spec], { forceRecreate: ['job'] });
  await tasksOnce(manager, 'another run', (all) => all.some(({ id }) => id !== task.id));
});

test('restart includes dependents with restart: true unless noDependents is set', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1');
  const dependsOn = [
    { service: 'db', condition: 'service_started', required: true, restart: true },
  ] as const;
  await apply(manager, [aServiceSpec('db'), aServiceSpec('web', { dependsOn })]);
  const tasks = await tasksOnce(manager, 'both to run', running(2));
  const idOf = (service: string) => tasks.find((task) => task.service === service)?.id;
  const restart = async (more: {
    noDependents?: boolean;
    timeoutMs?: number;
    taskIds?: readonly string[];
  }) => {
    worker.calls.length = 0;
    await manager.call('service.restart', { project: 'demo', services: ['db'], ...more });
    return [...worker.calls];
  };
  const alone = await restart({ noDependents: true, timeoutMs: 4_000 });
  t.deepEqual(alone, [{ name: 'restart', args: { taskId: idOf('db'), timeoutMs: 4_000 } }]);
  const both = await restart({});
  t.deepEqual(
    both.map((call) => JSON.stringify(call.args)).sort(),
    [idOf('db'), idOf('web')].map((taskId) => JSON.stringify({ taskId })).sort(),
  );
  const one = await restart({ taskIds: [idOf('db') ?? ''] });
  t.deepEqual(one, [{ name: 'restart', args: { taskId: idOf('db') } }]);
  t.deepEqual(await restart({ taskIds: ['another'] }), []);
});

const restartsWithDb = [
  { service: 'db', condition: 'service_healthy', required: true, restart: true },
] as const;

/** The newest task of a service that is not being stopped. */
function taskOf(tasks: readonly Task[], service: string): Task {
  const [task] = tasks
    .filter((each) => each.service === service && each.desired !== 'shutdown')
    .sort((a, b) => b.createdAt - a.createdAt);
  if (task === undefined) throw new Error(`there is no task of ${service}`);
  return task;
}

test('restart waits for a healthy dependency before it restarts the dependents', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1');
  const cache = aServiceSpec('cache', {
    dependsOn: [{ service: 'web', condition: 'service_started', required: true, restart: true }],
  });
  await apply(manager, [
    aServiceSpec('db'),
    aServiceSpec('web', { dependsOn: restartsWithDb }),
    cache,
  ]);
  let tasks = await tasksOnce(manager, 'db to run', running(1));
  const db = taskOf(tasks, 'db');
  const healthy = (startedAt: number, health: 'healthy' | 'starting' | 'unhealthy' = 'healthy') => {
    worker.report(db.id, aStatus('running', { startedAt, health }));
  };
  healthy(1);
  tasks = await tasksOnce(manager, 'all to run', running(3));
  const restarted = () =>
    worker.calls.map(
      ({ args }) => tasks.find(({ id }) => JSON.stringify(args).includes(id))?.service,
    );
  const call = manager.call('service.restart', { project: 'demo', services: ['db'] });
  await until('db to restart', 10_000, () => restarted().length === 1);
  healthy(2, 'starting');
  await tasksOnce(manager, 'its start', (all) => taskOf(all, 'db').status.startedAt === 2);
  t.deepEqual(restarted(), ['db']);
  healthy(2);
  await call;
  t.deepEqual(restarted(), ['db', 'web', 'cache']);
  const failing = manager.call('service.restart', { project: 'demo', services: ['db'] });
  healthy(3, 'unhealthy');
  await t.throwsAsync(failing, {
    message: 'service db: is unhealthy after its restart; its dependents were not restarted',
  });
});

test('up stops the dependents, recreates the dependency and starts them once it is healthy', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1');
  const web = aServiceSpec('web', { dependsOn: restartsWithDb });
  const db = aServiceSpec('db');
  await apply(manager, [db, web]);
  const first = taskOf(await tasksOnce(manager, 'db to run', running(1)), 'db');
  worker.report(first.id, aStatus('running', { startedAt: 1, health: 'healthy' }));
  const before = await tasksOnce(manager, 'both to run', running(2));
  const oldWeb = taskOf(before, 'web');
  worker.reportsAssigned = false;
  await apply(manager, [db, web], { forceRecreate: ['db'] });
  await until('the order to stop web alone', 10_000, () =>
    told(worker).includes('web/1 shutdown -'),
  );
  t.true(told(worker).includes('db/1 running -'), 'db waits for the end of web');
  worker.report(oldWeb.id, aStatus('shutdown', { containerId: 'c-web' }));
  await until('the order to stop db', 10_000, () => told(worker).includes('db/1 shutdown -'));
  worker.report(first.id, aStatus('shutdown'));
  const isNew = (task: Task) => !before.some(({ id }) => id === task.id);
  const made = await tasksOnce(manager, 'a new db', (tasks) =>
    tasks.some((task) => isNew(task) && task.service === 'db' && task.nodeId !== undefined),
  );
  const held = () =>
    [...worker.held.tasks.values()].find((task) => task.service === 'web' && task.id !== oldWeb.id);
  await until('the new task of web', 10_000, () => held()?.desired === 'ready');
  worker.report(taskOf(made, 'db').id, aStatus('running', { startedAt: 2, health: 'starting' }));
  await tasksOnce(manager, 'db to start', running(1));
  t.is(held()?.desired, 'ready');
  worker.report(taskOf(made, 'db').id, aStatus('running', { startedAt: 2, health: 'healthy' }));
  await until('the order to start web', 10_000, () => held()?.desired === 'running');
  t.is(taskOf(await manager.call('task.list', { project: 'demo' }), 'web').adopts, oldWeb.id);
});

test('a held service gets its tasks but runs them only after start', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1');
  const web = aServiceSpec('web', { replicas: 2 });
  await apply(manager, [{ ...web, held: true }]);
  await until('both to be ordered', 10_000, () => worker.held.tasks.size === 2);
  t.deepEqual(told(worker), ['web/1 ready -', 'web/2 ready -']);
  for (const { id } of worker.held.tasks.values()) {
    worker.report(id, aStatus('ready', { containerId: `c-${id}` }));
  }
  const made = await tasksOnce(manager, 'both to be made', (tasks) =>
    tasks.every(({ status }) => status.state === 'ready'),
  );
  t.is((await apply(manager, [{ ...web, held: true }])).changes[0]?.action, 'unchanged');
  worker.reportsAssigned = false;
  await manager.call('service.halt', { project: 'demo', services: [], halted: false });
  await until('the order to start', 10_000, () =>
    [...worker.held.tasks.values()].every(({ desired }) => desired === 'running'),
  );
  t.deepEqual(
    [...worker.held.tasks.keys()].sort(),
    made.map(({ id }) => String(id)).sort(),
    'the same tasks',
  );
});

test('up starts held services, and up without start leaves running tasks alone', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1');
  const [web, db] = [aServiceSpec('web'), aServiceSpec('db')];
  await apply(manager, [db, { ...web, held: true }]);
  await tasksOnce(manager, 'db to run', running(1));
  const { changes } = await apply(manager, [db, web]);
  t.deepEqual(
    changes.map(({ name, action, cause }) => `${name} ${action} ${cause}`.trim()),
    ['db unchanged', 'web started was not started'],
  );
  await tasksOnce(manager, 'both to run', running(2));
  const again = await apply(manager, [
    { ...db, held: true },
    { ...web, held: true },
  ]);
  t.true(again.changes.every(({ action }) => action === 'unchanged'));
  const services = await manager.call('service.list', {});
  t.true(services.every(({ spec }) => spec.held === undefined));
});
