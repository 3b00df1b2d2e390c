import test from 'ava';
import { aNetwork, aServiceSpec, aVolume } from '../../../fixtures/cluster/build.js';
import { isAppError } from '../../../manager/common/base/errors.js';
import type { WatchMessage } from '../../../manager/common/protocol/control.js';
import type { Task } from '../../../manager/common/model/task.js';
import { aStatus } from '../../helpers/fakes/fake-worker.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import { until } from '../../helpers/until.js';
import { anApply } from '../../helpers/managers/project-apply.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

const network = aNetwork('demo_default').spec;
const web = aServiceSpec('web', {
  replicas: 3,
  task: { networks: [{ network: 'demo_default', aliases: ['web'] }] },
});

async function tasksRunning(manager: TestManager, count: number): Promise<readonly Task[]> {
  let tasks: readonly Task[] = [];
  await until(`${count} running tasks`, 10_000, async () => {
    tasks = await manager.call('task.list', { project: 'demo' });
    return tasks.filter((task) => task.status.state === 'running').length === count;
  });
  return tasks;
}

test('a project spreads over all workers, and each worker gets all endpoints', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const workers = await Promise.all(['w1', 'w2', 'w3'].map((id) => manager.join(id)));
  const applied = await manager.call(
    'project.apply',
    anApply({ services: [web], networks: [network] }),
  );
  t.deepEqual(
    applied.changes.map(({ kind, name, action }) => `${kind} ${name} ${action}`),
    ['network demo_default created', 'service web created'],
  );
  const tasks = await tasksRunning(manager, 3);
  t.deepEqual(tasks.map((task) => task.nodeId).sort(), [
    'w1',
    'w2',
    'w3',
  ] as (typeof tasks)[0]['nodeId'][]);
  await until('all endpoints up everywhere', 5_000, () =>
    workers.every(
      ({ held }) =>
        held.endpoints.size === 3 && [...held.endpoints.values()].every((one) => one.up),
    ),
  );
  const gateways = workers.flatMap(({ held }) =>
    [...held.networks.values()].map((one) => one.gateway),
  );
  t.is(new Set(gateways).size, 3);
  for (const { held } of workers) t.is(held.tasks.size, 1);
});

test('applying the same project again changes nothing', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1');
  const input = anApply({ services: [web], networks: [network] });
  await manager.call('project.apply', input);
  const before = await tasksRunning(manager, 3);
  const again = await manager.call('project.apply', input);
  t.deepEqual(
    again.changes.map(({ action }) => action),
    ['unchanged', 'unchanged'],
  );
  t.deepEqual(
    (await tasksRunning(manager, 3)).map(({ id }) => id),
    before.map(({ id }) => id),
  );
});

test('a dry run returns the changes and writes nothing', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const input = anApply({ services: [web], networks: [network], dryRun: true });
  const { changes } = await manager.call('project.apply', input);
  t.is(changes.length, 2);
  t.deepEqual(await manager.call('service.list', {}), []);
  t.deepEqual(await manager.call('network.list', {}), []);
});

test('an invalid change is rejected as a whole', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const broken = aServiceSpec('db', { task: { networks: [{ network: 'nowhere', aliases: [] }] } });
  const error: unknown = await t.throwsAsync(
    manager.call('project.apply', anApply({ services: [web, broken], networks: [network] })),
  );
  t.true(isAppError(error) && error.kind === 'invalid');
  t.is((error as Error).message, 'service db: no such network: nowhere');
  t.deepEqual(await manager.call('network.list', {}), []);
});

test('external networks and volumes must exist, and volumes on nodes are adopted', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1');
  worker.answer = (call) =>
    call.name === 'listVolumes' ? [{ name: 'precious', mountpoint: '/x' }] : null;
  await until('the node', 5_000, async () => (await manager.call('node.list', {})).length === 1);
  const none = await t.throwsAsync(
    manager.call('project.apply', anApply({ externalNetworks: ['corp'] })),
  );
  t.regex(none.message, /network corp declared as external, but could not be found/);
  const missing = await t.throwsAsync(
    manager.call('project.apply', anApply({ externalVolumes: ['lost'] })),
  );
  t.regex(missing.message, /volume lost declared as external/);
  await manager.call('project.apply', anApply({ externalVolumes: ['precious'] }));
  const [volume] = await manager.call('volume.list', {});
  t.deepEqual([volume?.spec.name, volume?.nodeIds], ['precious', ['w1']]);
});

test('scaling adds and removes tasks and rejects an invalid number of replicas', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1');
  await manager.call('project.apply', anApply({ services: [web], networks: [network] }));
  await tasksRunning(manager, 3);
  const scale = (replicas: Record<string, number>): Promise<null> =>
    manager.call('service.scale', { project: 'demo', replicas });
  await scale({ web: 5 });
  await tasksRunning(manager, 5);
  await scale({ web: 1 });
  await tasksRunning(manager, 1);
  t.regex(
    (await t.throwsAsync(scale({ web: -1 }))).message,
    /service web: replicas must be a whole/,
  );
  t.is((await t.throwsAsync(scale({ nope: 1 }))).message, 'no such service: nope');
});

test('apply keeps scaled replicas if the file does not set them', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1');
  await manager.call('project.apply', anApply({ services: [web], networks: [network] }));
  await manager.call('service.scale', { project: 'demo', replicas: { web: 2 } });
  const again = await manager.call(
    'project.apply',
    anApply({ services: [web], networks: [network], keepReplicas: ['web'] }),
  );
  t.is(again.changes.at(-1)?.action, 'unchanged');
  const [service] = await manager.call('service.list', { project: 'demo' });
  t.deepEqual(service?.spec.mode, { kind: 'replicated', replicas: 2 });
});

test('a renewal of anonymous volumes is part of the spec until the next one', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1');
  const apply = async (renewVolumes: readonly string[], forceRecreate: readonly string[] = []) => {
    const request = anApply({ services: [db], renewVolumes, forceRecreate });
    const { changes } = await manager.call('project.apply', request);
    const [service] = await manager.call('service.list', { project: 'demo' });
    const { cause, action } = changes.at(-1) ?? {};
    return { change: [action, cause], at: service?.spec.task.container.volumesRenewedAt, service };
  };
  const db = aServiceSpec('db');
  const first = await apply(['db']);
  t.deepEqual([first.change, first.at], [['created', 'not found'], undefined]);
  const renewed = await apply(['db']);
  t.deepEqual(renewed.change, ['updated', 'anonymous volumes are renewed']);
  t.true((renewed.at ?? 0) > 0);
  t.not(renewed.service?.taskHash, first.service?.taskHash, 'the tasks are recreated');
  t.is(renewed.service?.previousSpec, undefined, 'a rollback has nothing to restore');
  const same = await apply([]);
  t.deepEqual([same.change, same.at], [['unchanged', ''], renewed.at]);
  t.is((await apply([], ['db'])).at, renewed.at);
  t.true(((await apply(['db'])).at ?? 0) > (renewed.at ?? 0));
});

test('new containers get the separator of names, existing ones keep their names', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1');
  const names = async (changes: Parameters<typeof aServiceSpec>[1], count: number) => {
    const applied = anApply({ services: [aServiceSpec('db', changes)] });
    await manager.call('project.apply', applied);
    await tasksRunning(manager, count);
    const tasks = await manager.call('task.list', { project: 'demo' });
    return tasks.map(({ containerName }) => containerName).sort();
  };
  t.deepEqual(await names({}, 1), ['demo-db-1']);
  const after = await names({ nameSeparator: '_', replicas: 2 }, 2);
  t.deepEqual(after, ['demo-db-1', 'demo_db_2']);
});

test('orphans are listed, and removed with removeOrphans', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const old = aServiceSpec('old');
  await manager.call('project.apply', anApply({ services: [old] }));
  const next = anApply({ services: [web], networks: [network] });
  t.deepEqual((await manager.call('project.apply', next)).orphans, ['old']);
  await manager.call('project.apply', { ...next, removeOrphans: true });
  await until('the orphan is gone', 5_000, async () => {
    const services = await manager.call('service.list', { project: 'demo' });
    return services.every((service) => service.spec.service === 'web');
  });
  t.pass();
});

test('a one-off service is an orphan only after its tasks have ended', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1');
  const made = aServiceSpec('web-run-1');
  const { container } = made.task;
  const labels = { ...container.labels, 'com.docker.compose.oneoff': 'True' };
  const run = { ...made, task: { ...made.task, container: { ...container, labels } } };
  await manager.call('project.apply', anApply({ services: [run] }));
  const tasks = () => manager.call('task.list', { project: 'demo' });
  await until(
    'the command runs',
    10_000,
    async () => (await tasks())[0]?.status.state === 'running',
  );
  const next = anApply({ services: [web], networks: [network], dryRun: true });
  t.deepEqual((await manager.call('project.apply', next)).orphans, []);
  const [task] = await tasks();
  if (task === undefined) throw new Error('no task');
  worker.report(task.id, aStatus('complete', { exitCode: 0 }));
  await until('it has ended', 10_000, async () => (await tasks())[0]?.status.state === 'complete');
  t.deepEqual((await manager.call('project.apply', next)).orphans, ['web-run-1']);
});

test('down removes tasks, services, networks, gateway leases and volumes', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1');
  const volume = aVolume('demo_data').spec;
  const db = aServiceSpec('db', {
    task: {
      networks: [{ network: 'demo_default', aliases: [] }],
      container: {
        mounts: [
          { type: 'volume', source: 'demo_data', target: '/data', readOnly: false, noCopy: false },
        ],
      },
    },
  });
  await manager.call(
    'project.apply',
    anApply({ services: [db], networks: [network], volumes: [volume] }),
  );
  await tasksRunning(manager, 1);
  t.deepEqual([...worker.held.volumes.keys()], ['demo_data']);
  await manager.call('project.remove', { project: 'demo', volumes: true });
  await until('an empty cluster', 10_000, async () => {
    const left = await Promise.all([
      manager.call('task.list', {}),
      manager.call('service.list', {}),
      manager.call('network.list', {}),
      manager.call('volume.list', {}),
    ]);
    return left.every((list) => list.length === 0);
  });
  t.true(worker.calls.some((call) => call.name === 'removeVolume'));
  t.is(worker.held.tasks.size + worker.held.networks.size + worker.held.endpoints.size, 0);
});

test('watch sends a snapshot, then every change of the project and of the nodes', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const stream = await manager.stream('watch', { project: 'demo' });
  const messages: WatchMessage[] = [];
  void (async () => {
    for await (const text of stream) messages.push(JSON.parse(String(text)) as WatchMessage);
  })().catch(() => undefined);
  await until('the snapshot', 5_000, () => messages.length === 1);
  await manager.call(
    'project.apply',
    anApply({ project: 'other', services: [aServiceSpec('x', { project: 'other' })] }),
  );
  await manager.join('w1');
  await manager.call('project.apply', anApply({ services: [web], networks: [network] }));
  const wanted = await tasksRunning(manager, 3);
  const tasks = new Map<string, Task>();
  await until('the watcher to see three running tasks', 5_000, () => {
    for (const message of messages) {
      if (message.kind === 'put' && message.table === 'tasks') {
        tasks.set(message.object.id, message.object as Task);
      }
    }
    return [...tasks.values()].filter((task) => task.status.state === 'running').length === 3;
  });
  t.deepEqual([...tasks.keys()].sort(), wanted.map(({ id }) => id as string).sort());
  t.true(messages.some((message) => message.kind === 'put' && message.table === 'nodes'));
  t.true([...tasks.values()].every((task) => task.project === 'demo'));
});

test('workers are not allowed to use the control API', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const { ManagerHttpClient } = await import('../../../manager/common/protocol/transport-call.js');
  const caller = new ManagerHttpClient({
    address: `127.0.0.1:${manager.port}`,
    tls: await pki.node('worker', 'w1'),
    verifyPeer: () => undefined,
  });
  t.teardown(() => {
    caller.close();
  });
  const error: unknown = await t.throwsAsync(
    caller.call({ path: '/v1/call/service.list', body: {}, timeoutMs: 5_000 }),
  );
  t.true(isAppError(error) && error.kind === 'forbidden');
});
