import test from 'ava';
import { aServiceSpec } from '../../../fixtures/cluster/build.js';
import type { ServiceSpec } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { AppliedChange } from '../../../manager/common/protocol/project-calls.js';
import { applyService } from '../../../manager/control/apply-service.js';
import type { ClusterStore } from '../../../manager/store/store.js';
import { anApply } from '../../helpers/managers/project-apply.js';
import { aComposeContainer, restore } from '../../helpers/stores/compose-containers.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

async function up(
  store: ClusterStore,
  spec: ServiceSpec,
  forceRecreate: readonly string[] = [],
): Promise<AppliedChange> {
  return store.update('control', (tx) =>
    applyService({ tx, view: tx, newId: () => 's-new' }, spec, anApply({ forceRecreate })),
  );
}

function taskOf(store: ClusterStore, id: string): Task | undefined {
  return store.view.list('tasks').find((task) => task.id === id);
}

test("docker compose's containers become the slots of their service and stay up to date", async (t) => {
  const store = await openTestStore();
  await restore(store, aComposeContainer(1), aComposeContainer(2));
  const change = await up(store, aServiceSpec('api', { replicas: 2 }));
  t.like(change, { action: 'updated', cause: 'takes over demo-api-1, demo-api-2' });
  const [service, ...others] = store.view.list('services');
  t.deepEqual(others, []);
  t.is(service?.spec.name, 'demo_api');
  for (const slot of [1, 2]) {
    const task = taskOf(store, `container-${slot}`);
    t.like(task, { serviceId: service?.id, slot, taskHash: service?.taskHash, desired: 'running' });
    t.is(task?.spec.container.origin, undefined);
  }
});

test('a container of another configuration keeps its spec, so that an update replaces it', async (t) => {
  const store = await openTestStore();
  await restore(store, aComposeContainer(1, 'older'));
  await up(store, aServiceSpec('api'));
  const [service] = store.view.list('services');
  const task = taskOf(store, 'container-1');
  t.like(task, { serviceId: service?.id, configHash: 'older' });
  t.not(task?.taskHash, service?.taskHash);
});

test('a forced recreation keeps no container', async (t) => {
  const store = await openTestStore();
  await restore(store, aComposeContainer(1));
  await up(store, aServiceSpec('api'), ['api']);
  t.not(taskOf(store, 'container-1')?.taskHash, store.view.list('services')[0]?.taskHash);
});

test('an exited container is started again in the same slot', async (t) => {
  const store = await openTestStore();
  const { service, task } = aComposeContainer(1);
  await restore(store, { service, task: { ...task, status: { ...task.status, state: 'failed' } } });
  await up(store, aServiceSpec('api'));
  t.like(taskOf(store, 'container-1'), { desired: 'shutdown', status: { state: 'failed' } });
});

test('a container whose slot is taken is removed', async (t) => {
  const store = await openTestStore();
  await restore(store, aComposeContainer(1));
  await up(store, aServiceSpec('api'));
  await restore(store, {
    service: aComposeContainer(1).service,
  });
  await up(store, aServiceSpec('api'));
  const left = store.view.list('services').map(({ spec, removing }) => [spec.name, removing]);
  t.deepEqual(left, [
    ['demo_demo-api-1', true],
    ['demo_api', false],
  ]);
});

test('a dry run names the containers and changes nothing', async (t) => {
  const store = await openTestStore();
  await restore(store, aComposeContainer(1));
  const context = { tx: undefined, view: store.view, newId: () => 's-new' };
  const change = applyService(context, aServiceSpec('api'), anApply());
  t.is(change.cause, 'takes over demo-api-1');
  t.like(store.view.list('services'), [{ spec: { name: 'demo_demo-api-1' } }]);
});
