import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { Resources } from '../../../manager/common/model/service.js';
import { requireUpdateQuota, requireVolumeQuota } from '../../../manager/control/quota.js';
import type { ClusterStore } from '../../../manager/store/store.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const web = aService('web', { task: { resources: withCpus(1) } });
const task = aTask(web, 1, { node: 'node-1' });

function withCpus(cpus: number): Resources {
  return { limits: { nanoCpus: cpus * 1e9 }, reservations: { nanoCpus: 0, memoryBytes: 0 } };
}

async function storeWith(quota: object): Promise<ClusterStore> {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    tx.create('projects', { id: 'demo', quota });
    for (const each of [task, aTask(web, 2, { node: 'node-1' })]) tx.create('tasks', each);
  });
  return store;
}

test('a container in use may grow up to the quota, and always shrink', async (t) => {
  const { view } = await storeWith({ nanoCpus: 3e9 });
  const grown = (cpus: number) => () => {
    requireUpdateQuota(view, task, { ...task.spec, resources: withCpus(cpus) });
  };
  t.notThrows(grown(2));
  t.regex(t.throws(grown(2.5)).message, /^container demo-web-1: .*cpus \(requested 2\.5, used 1/u);
  const { view: lowered } = await storeWith({ nanoCpus: 1e9 });
  t.notThrows(() => {
    requireUpdateQuota(lowered, task, { ...task.spec, resources: withCpus(0.5) });
  });
  const ended = { ...task, status: { ...task.status, state: 'complete' as const } };
  t.notThrows(() => {
    requireUpdateQuota(lowered, ended, { ...task.spec, resources: withCpus(9) });
  });
});

test('volumes outside projects and of projects without a limit are never refused', async (t) => {
  const { view } = await storeWith({ volumes: 0 });
  t.throws(
    () => {
      requireVolumeQuota(view, 'data', 'demo');
    },
    { message: /^volume data: quota of project demo is exceeded: volumes/u },
  );
  t.notThrows(() => {
    requireVolumeQuota(view, 'data', '');
    requireVolumeQuota(view, 'data', 'other');
  });
});
