import test from 'ava';
import type { ServiceOptions } from '../../../fixtures/cluster/build.js';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { composePlace } from '../../../manager/common/model/compose/compose-container.js';
import { releaseService } from '../../../manager/control/release.js';
import type { ClusterStore } from '../../../manager/store/store.js';
import { aComposeContainer, restore } from '../../helpers/stores/compose-containers.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

async function release(store: ClusterStore): Promise<void> {
  let ids = 0;
  await store.update('control', (tx) => {
    releaseService(tx, () => `s-${(ids += 1)}`, { project: 'demo', service: 'api' });
  });
}

test('each slot becomes a container in the hands of docker compose and keeps running', async (t) => {
  const store = await openTestStore();
  const service = aService('api', { replicas: 2 });
  const status = { imageId: 'sha256:1', containerId: 'f'.repeat(64) };
  await restore(store, { service, task: aTask(service, 1, { node: 'n1', status }) });
  await store.update('restore', (tx) => {
    tx.create('tasks', aTask(service, 2, { node: 'n2', status }));
  });
  await release(store);
  const services = store.view.list('services');
  t.deepEqual(
    services.map(({ spec }) => [spec.name, spec.service]),
    [
      ['demo_demo-api-1', 'api'],
      ['demo_demo-api-2', 'api'],
    ],
  );
  for (const { id, spec, taskHash } of services) {
    const [task] = store.view.tasksOfService(id);
    t.like(task, { desired: 'running', taskHash, status });
    t.deepEqual(spec.task.container.origin, { autoRemove: false });
    const place = composePlace(spec.task.container.labels);
    t.like(place, { project: 'demo', service: 'api', number: task?.slot, configHash: 'config' });
  }
});

test('containers that are in the hands of docker compose already stay as they are', async (t) => {
  const store = await openTestStore();
  await restore(store, aComposeContainer(1));
  await release(store);
  t.deepEqual(
    store.view.list('services').map(({ id }) => id as string),
    ['s-demo-api-1'],
  );
});

const refused: readonly (readonly [string, ServiceOptions, RegExp])[] = [
  ['a global service', { global: true }, /it has a task on each node; use "shoal up"$/u],
  [
    'a service that the cluster restarts',
    { task: { restart: { condition: 'any', delayMs: 0, maxAttempts: 0, windowMs: 0 } } },
    /the cluster restarts it by its restart_policy/u,
  ],
  [
    'a service that shares a namespace',
    { task: { container: { networkMode: { kind: 'service', service: 'db' } } } },
    /it shares namespaces or volumes/u,
  ],
];

for (const [what, options, message] of refused) {
  test(`${what} stays with the cluster`, async (t) => {
    const store = await openTestStore();
    await restore(store, { service: aService('api', options) });
    await t.throwsAsync(release(store), { message });
    t.is(store.view.list('services').length, 1);
  });
}
