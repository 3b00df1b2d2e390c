import { aNetwork, aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import type { NetworkId } from '../../../manager/common/model/ids.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { StoreView } from '../../../manager/store/store.js';
import { openTestStore } from './memory-store.js';

const redis = aService('redis', {
  task: {
    container: {
      image: 'docker.io/library/redis:7',
      labels: { tier: 'data' },
      mounts: [
        { type: 'volume', source: 'demo_data', target: '/data', readOnly: false, noCopy: false },
      ],
    },
  },
});

const web = aService('web', { replicas: 3, task: { container: { image: 'shop/web' } } });

/** Container ids by name. */
export const ids = {
  redis: 'aaaa1111',
  web1: 'aaaa2222',
  web2: 'bbbb1111',
  old: 'cccc1111',
  lost: 'dddd1111',
};

const tasks: readonly Task[] = [
  aTask(redis, 1, {
    node: 'n1',
    createdAt: 1_000,
    status: { containerId: ids.redis, startedAt: 2_000, health: 'healthy', imageId: 'sha256:abc' },
    attachments: [
      {
        networkId: 'n-demo_default' as NetworkId,
        network: 'demo_default',
        address: '10.1.0.2',
        mac: '02:42:0a:01:00:02',
        aliases: ['redis'],
      },
    ],
  }),
  aTask(web, 1, {
    node: 'n2',
    createdAt: 3_000,
    status: {
      containerId: ids.web1,
      startedAt: 4_000,
      ports: [
        { target: 80, protocol: 'tcp', hostIp: '0.0.0.0', published: 8080 },
        { target: 80, protocol: 'tcp', hostIp: '::', published: 8080 },
      ],
    },
  }),
  aTask(web, 2, {
    node: 'n1',
    createdAt: 4_000,
    status: { containerId: ids.web2, startedAt: 5_000, paused: true },
  }),
  aTask(web, 1, {
    id: 'web.1.old',
    node: 'n1',
    createdAt: 500,
    state: 'failed',
    desired: 'shutdown',
    status: { containerId: ids.old, exitCode: 3 },
  }),
  aTask(web, 3, {
    node: 'n3',
    createdAt: 600,
    status: { containerId: ids.lost, startedAt: 700 },
  }),
  // Not assigned to a node yet, so it has no container.
  aTask(web, 4, { id: 'web.4' }),
];

/** A store with containers in every state on three nodes. */
export async function view(): Promise<StoreView> {
  let now = 0;
  const store = await openTestStore({ ...systemClock, now: () => now });
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode('n1', { name: 'alpha', address: '192.0.2.1' }));
    tx.create('nodes', aNode('n2', { name: 'beta', address: '192.0.2.2' }));
    tx.create('nodes', aNode('n3', { name: 'gamma', state: 'down' }));
    tx.create('networks', aNetwork('demo_default', { subnet: '10.1.0.0/16' }));
    for (const service of [redis, web]) tx.create('services', service);
  });
  for (const task of tasks) {
    // The store sets the creation time.
    now = task.createdAt;
    await store.update('restore', (tx) => {
      tx.create('tasks', task);
    });
  }
  return store.view;
}
