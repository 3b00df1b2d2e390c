import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { nodesById, readServiceSnapshot } from '../../../manager/orchestrator/read-snapshot.js';
import type { StoreView, TableName } from '../../../manager/store/store.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const web = aService('web');
const other = aService('other');

async function clusterOf(othersTasks: number): Promise<StoreView> {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    for (const name of ['node-1', 'node-2']) tx.create('nodes', aNode(name));
    tx.create('nodes', aNode('node-3', { state: 'down' }));
    tx.create('projects', { id: 'demo', quota: { containers: 5_000 } });
    for (const service of [web, other]) tx.create('services', service);
    tx.create('tasks', aTask(web, 1, { node: 'node-1' }));
    tx.create('tasks', aTask(web, 2, { node: 'node-3' }));
    for (let slot = 1; slot <= othersTasks; slot += 1) {
      tx.create('tasks', aTask(other, slot, { node: 'node-2' }));
    }
  });
  return store.view;
}

/** A view that counts the tasks that it returns. */
function counting(view: StoreView): { readonly view: StoreView; readonly read: () => number } {
  let tasks = 0;
  const counted = new Proxy(view, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...args: readonly unknown[]): unknown => {
        const result: unknown = Reflect.apply(value, target, args);
        const isTasks =
          key === 'list' ? (args[0] as TableName) === 'tasks' : String(key).startsWith('tasks');
        if (isTasks && Array.isArray(result)) tasks += result.length;
        return result;
      };
    },
  });
  return { view: counted, read: () => tasks };
}

test('the usage of a project leaves out lost nodes', async (t) => {
  const view = await clusterOf(3);
  const snapshot = readServiceSnapshot(view, web.id, { nodes: nodesById(view), now: 0 });
  t.is(view.usageOfProject('demo').total.containers, 5);
  t.is(snapshot?.quota?.used.containers, 4);
  t.deepEqual(snapshot?.quota?.limits, { containers: 5_000 });
});

test('a decision reads as many tasks in a full cluster as in an empty one', async (t) => {
  const reads = [];
  for (const size of [10, 2_000]) {
    const { view, read } = counting(await clusterOf(size));
    const snapshot = readServiceSnapshot(view, web.id, { nodes: nodesById(view), now: 0 });
    t.is(snapshot?.quota?.used.containers, size + 1);
    reads.push(read());
  }
  t.deepEqual(reads, [2, 2]);
});
