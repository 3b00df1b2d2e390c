import test from 'ava';
import { aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { newId } from '../../../manager/common/base/random.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { taskHashOf } from '../../../manager/common/model/spec-hash.js';
import { preview } from '../../../manager/preview/preview.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import { openStore } from '../../../manager/store/open-store.js';
import type { Transaction } from '../../../manager/store/store.js';
import { systemClock } from '../../../manager/common/base/clock.js';

const nodes = ['n1', 'n2', 'n3'].map((id) => aNode(id, { name: id.replace('n', 'node-') }));

async function storeOf(
  services: readonly Service[],
  tasks: readonly Task[],
  some: readonly Node[] = nodes,
) {
  const store = await openStore({
    backend: new MemoryBackend(),
    clock: systemClock,
    log: silentLogger,
  });
  await store.update('restore', (tx) => {
    for (const node of some) tx.create('nodes', node);
    for (const service of services) tx.create('services', service);
    for (const task of tasks) tx.create('tasks', task);
  });
  return store;
}

async function stepsOf(
  store: Awaited<ReturnType<typeof storeOf>>,
  change: (tx: Transaction) => void,
): Promise<readonly string[]> {
  const { view } = store;
  const options = { view, now: 1_000_000, newId, log: silentLogger, strategy: 'spread' } as const;
  const { steps } = await preview(options, 'demo', change);
  return steps.map(({ action, container, node }) => `${action} ${container} ${node}`.trim());
}

const running = { state: 'running', startedAt: 1, containerId: 'c' } as const;

test('a new service is placed as in the cluster and nothing is written', async (t) => {
  const store = await storeOf([], []);
  const { index } = store.view;
  const web = aService('web', { replicas: 3 });
  const steps = await stepsOf(store, (tx) => tx.create('services', web));
  t.deepEqual([...steps].sort(), [
    'create demo-web-1 node-1',
    'create demo-web-2 node-2',
    'create demo-web-3 node-3',
  ]);
  t.is(store.view.index, index);
  t.is(store.view.count('services'), 0);
});

test('a changed service is recreated slot by slot and an unchanged one is left alone', async (t) => {
  const [web, db] = [aService('web', { replicas: 2 }), aService('db')];
  const tasks = [
    aTask(web, 1, { node: 'n1', status: running }),
    aTask(web, 2, { node: 'n2', status: running }),
    aTask(db, 1, { node: 'n3', status: running }),
  ];
  const store = await storeOf([web, db], tasks);
  t.deepEqual(await stepsOf(store, () => undefined), []);
  const steps = await stepsOf(store, (tx) => {
    const known = tx.get('services', web.id);
    if (known === undefined) throw new Error('no service');
    tx.put('services', { ...known, forceUpdate: 1, taskHash: taskHashOf(known.spec, 1) });
  });
  t.is(steps.length, 4);
  t.deepEqual(
    steps.filter((step) => step.startsWith('stop')),
    ['stop demo-web-1 node-1', 'stop demo-web-2 node-2'],
  );
  t.is(steps.filter((step) => /^create demo-web-[12] node-\d$/u.test(step)).length, 2);
});

test('an unschedulable task has no node and shows the reason', async (t) => {
  const store = await storeOf([], [], []);
  const { view } = store;
  const options = { view, now: 1, newId, log: silentLogger, strategy: 'spread' } as const;
  const { steps } = await preview(options, 'demo', (tx) => tx.create('services', aService('web')));
  t.deepEqual(
    steps.map(({ node, placement }) => [node, placement]),
    [['', 'the cluster has no nodes']],
  );
});

test('without a project only the projects of changed objects are simulated', async (t) => {
  const waiting = aService('web');
  const store = await storeOf([waiting], []);
  const planned = async (change: (tx: Transaction) => void) => {
    const { view } = store;
    const options = { view, now: 1, newId, log: silentLogger, strategy: 'spread' } as const;
    const { steps } = await preview(options, undefined, change);
    return steps.map(({ action, container }) => `${action} ${container}`).sort();
  };
  t.deepEqual(await planned((tx) => tx.create('volumes', aVolume('data'))), []);
  const other = aService('db', { project: 'other' });
  t.deepEqual(await planned((tx) => tx.create('services', other)), ['create other-db-1']);
  const label = (tx: Transaction) => {
    for (const node of tx.list('nodes').slice(0, 1)) {
      tx.put('nodes', { ...node, spec: { ...node.spec, labels: { disk: 'ssd' } } });
    }
  };
  t.deepEqual(await planned(label), ['create demo-web-1']);
});

test('tasks of a removed slot that share a container name give one step', async (t) => {
  const web = aService('web');
  const tasks = [
    aTask(web, 1, { id: 'old', node: 'n1', status: { ...running, state: 'failed', exitCode: 1 } }),
    aTask(web, 1, { node: 'n1', status: running }),
  ];
  const store = await storeOf([web], tasks);
  const steps = await stepsOf(store, (tx) => {
    for (const task of tx.list('tasks')) tx.put('tasks', { ...task, desired: 'remove' });
    for (const service of tx.list('services')) {
      tx.put('services', { ...service, removing: true });
    }
  });
  t.deepEqual(steps, ['remove demo-web-1 node-1']);
});
