import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aServiceSpec } from '../../../../fixtures/cluster/build.js';
import type { ServiceSpec } from '../../../../manager/common/model/service.js';
import { waitFor } from '../../../../fixtures/lab/wait.js';
import type { Task } from '../../../../manager/common/model/task.js';
import { createManagerPki, TestManager } from '../../../helpers/managers/test-manager.js';
import type { TestPki } from '../../../helpers/pki/pki.js';
import { until } from '../../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

/** A client's container, as the Docker API creates it. */
function aContainer(name: string): ServiceSpec {
  const spec = aServiceSpec(name, { project: 'docker' });
  const container = {
    ...spec.task.container,
    ...{ containerName: name, origin: { autoRemove: false } },
  };
  return { ...spec, held: true, task: { ...spec.task, networks: [], container } };
}

async function create(manager: TestManager, name: string): Promise<string> {
  return manager.call('container.create', { spec: aContainer(name), volumes: [] });
}

async function services(manager: TestManager): Promise<readonly string[]> {
  return (await manager.call('service.list', {})).map(({ spec }) => spec.service);
}

/** The first task that the orchestrator creates. */
async function firstTask(manager: TestManager): Promise<Task> {
  return waitFor('a task', async () => (await manager.call('task.list', {}))[0], {
    timeoutMs: 20_000,
    intervalMs: 10,
  });
}

async function start(t: ExecutionContext): Promise<TestManager> {
  return TestManager.start(t, { pki });
}

test('a name is unique in the cluster from the moment of the create', async (t) => {
  const manager = await start(t);
  const results = await Promise.allSettled([create(manager, 'web'), create(manager, 'web')]);
  t.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  await t.throwsAsync(create(manager, 'web'), {
    message: /^Conflict\. The container name "\/web" is already in use by container/u,
  });
  await create(manager, 'other');
  t.deepEqual([...(await services(manager))].sort(), ['other', 'web']);
});

test('a create that was given up leaves no service, with or without a node', async (t) => {
  const manager = await start(t);
  const id = await create(manager, 'web');
  await manager.call('container.discard', { serviceId: id });
  await until('the removal', 20_000, async () => (await services(manager)).length === 0);
  await manager.call('container.discard', { serviceId: id });
  await manager.join('w1', { name: 'alpha' });
  const second = await create(manager, 'web');
  await manager.call('container.discard', { serviceId: second });
  await until('the removal', 20_000, async () => (await services(manager)).length === 0);
  t.deepEqual(await manager.call('task.list', {}), []);
});

test('only containers of clients are discarded, renamed and updated', async (t) => {
  const manager = await start(t);
  await manager.join('w1', { name: 'alpha' });
  await manager.call('project.apply', {
    ...{ project: 'demo', services: [aServiceSpec('web')] },
    ...{ networks: [], volumes: [], secrets: [], configs: [] },
    ...{ externalNetworks: [], externalVolumes: [], forceRecreate: [] },
    ...{ keepReplicas: [], renewVolumes: [], known: ['web'] },
    ...{ removeOrphans: false, dryRun: false },
  });
  const [service] = await manager.call('service.list', {});
  const refused = manager.call('container.discard', { serviceId: service?.id ?? '' });
  await t.throwsAsync(refused, { message: "service demo_web: no client's container" });
  const task = await firstTask(manager);
  await t.throwsAsync(manager.call('container.rename', { taskId: task.id, name: 'other' }), {
    message: /belongs to service web; rename it in the Compose file/u,
  });
});

test('a renamed container has its name everywhere, and its old name is free', async (t) => {
  const manager = await start(t);
  await manager.join('w1', { name: 'alpha' });
  await create(manager, 'web');
  const task = await firstTask(manager);
  const taskId = task.id;
  await manager.call('container.rename', { taskId, name: 'site' });
  const [renamed] = await manager.call('task.list', {});
  t.like(renamed, { service: 'site', containerName: 'site' });
  await create(manager, 'web');
  await t.throwsAsync(manager.call('container.rename', { taskId, name: 'web' }), {
    message: /"\/web" is already in use/u,
  });
});

test('a connection to a network is remembered by the container, also before its address', async (t) => {
  const manager = await start(t);
  await manager.join('w1', { name: 'alpha' });
  await create(manager, 'web');
  const task = await firstTask(manager);
  const connect = async (network: string): Promise<null> =>
    manager.call('container.connect', {
      ...{ taskId: task.id, attachment: { network, aliases: ['other'] } },
    });
  await t.throwsAsync(connect('front'), { message: 'network front not found' });
  const spec = { name: 'front', project: '', key: 'front', driver: 'overlay', internal: false };
  await manager.call('network.create', { ...spec, attachable: true, labels: {}, driverOpts: {} });
  await connect('front');
  await t.throwsAsync(connect('front'), {
    message: 'endpoint with name web already exists in network front',
  });
  const attached = async (): Promise<readonly string[]> =>
    (await manager.call('task.list', {})).flatMap(({ attachments }) =>
      attachments.map(({ network }) => network),
    );
  await until('an address', 20_000, async () => (await attached()).includes('front'));
  const [service] = await manager.call('service.list', {});
  t.deepEqual(service?.spec.task.networks, [{ network: 'front', aliases: ['other'] }]);
  await manager.call('container.disconnect', { taskId: task.id, network: 'front' });
  t.deepEqual(await attached(), []);
  await t.throwsAsync(manager.call('container.disconnect', { taskId: task.id, network: 'front' }), {
    message: /is not connected to network front$/u,
  });
});
