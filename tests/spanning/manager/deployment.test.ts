import test from 'ava';
import { systemClock } from '../../../manager/common/base/clock.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { newId } from '../../../manager/common/base/random.js';
import { Allocator } from '../../../manager/allocator/allocator.js';
import { Orchestrator } from '../../../manager/orchestrator/orchestrator.js';
import { Scheduler } from '../../../manager/scheduler/scheduler.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import { openStore } from '../../../manager/store/open-store.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { ClusterStore, Commit } from '../../../manager/store/store.js';
import { aNetwork, aNode, aService } from '../../../fixtures/cluster/build.js';

async function until(store: ClusterStore, done: () => boolean): Promise<void> {
  if (done()) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      unwatch();
      reject(new Error('deadline passed'));
    }, 5_000);
    const unwatch = store.watch(() => {
      if (!done()) return;
      clearTimeout(timer);
      unwatch();
      resolve();
    });
  });
}

test('30 tasks of a new service are assigned in a handful of commits', async (t) => {
  const log = silentLogger;
  const store = await openStore({ backend: new MemoryBackend(), clock: systemClock, log });
  const commits: Commit[] = [];
  store.watch((commit) => commits.push(commit));
  const rooms = [
    new Orchestrator({ store, clock: systemClock, log, newId }),
    new Allocator({ store, clock: systemClock, log }),
    new Scheduler({ store, clock: systemClock, log }),
  ];
  for (const room of rooms) room.start();
  t.teardown(async () => {
    for (const room of rooms) await room.stop();
  });
  const service: Service = aService('web', {
    replicas: 30,
    task: { networks: [{ network: 'demo_default', aliases: [] }] },
  });
  const began = performance.now();
  await store.update('control', (tx) => {
    for (const name of ['node-1', 'node-2', 'node-3']) tx.create('nodes', aNode(name));
    tx.create('networks', aNetwork('demo_default'));
    tx.create('services', service);
  });
  await until(store, () => {
    const tasks = store.view.tasksOfService(service.id);
    return tasks.length === 30 && tasks.every((task) => task.status.state === 'assigned');
  });
  await until(store, () => store.view.count('leases') === 33);
  t.log(`${commits.length} commits, ${(performance.now() - began).toFixed(1)} ms`);
  t.true(commits.length <= 8, `${commits.length} commits`);

  const tasks = store.view.tasksOfService(service.id);
  t.is(new Set(tasks.map((task) => task.attachments[0]?.address)).size, 30);
  for (const node of store.view.list('nodes')) t.is(store.view.tasksOfNode(node.id).length, 10);
  const gateways = store.view.list('leases').filter(({ holder }) => holder.kind === 'gateway');
  t.is(gateways.length, 3);
});
