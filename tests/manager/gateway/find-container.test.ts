import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';
import { findContainer } from '../../../manager/gateway/find-container.js';
import { ids, view } from '../../helpers/stores/container-view.js';

test('a container is found by ID, name, node/name and unambiguous ID prefix', async (t) => {
  const all = await view();
  const idOf = (reference: string): string => findContainer(all, reference).containerId;
  t.is(idOf(ids.redis), ids.redis);
  t.is(idOf('/demo-redis-1'), ids.redis);
  t.is(idOf('alpha/demo-redis-1'), ids.redis);
  t.is(idOf('bbbb'), ids.web2);
  // Of two containers with the same name, the wanted one is found.
  t.is(idOf('demo-web-1'), ids.web1);
  t.throws(() => idOf('aaaa'), { message: 'container aaaa is ambiguous (2 matches found)' });
  t.throws(() => idOf('nosuch'), { message: 'No such container: nosuch' });
});

const first = 'a'.repeat(12);

test('ids that share their first 12 characters are told apart', async (t) => {
  const store = await openTestStore();
  const [one, two] = [`${first}1`.padEnd(64, '0'), `${first}2`.padEnd(64, '0')];
  const web = aService('web', { replicas: 2 });
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode('n1', { name: 'alpha' }));
    tx.create('services', web);
    tx.create('tasks', aTask(web, 1, { node: 'n1', status: { containerId: one } }));
    tx.create('tasks', aTask(web, 2, { node: 'n1', status: { containerId: two } }));
  });
  const idOf = (reference: string): string => findContainer(store.view, reference).containerId;
  t.is(idOf(two), two);
  t.is(idOf(`${first}2`), two);
  t.throws(() => idOf(first), { message: /is ambiguous \(2 matches found\)$/u });
  t.throws(() => idOf(`${first}3`), { message: `No such container: ${first}3` });
  t.throws(() => idOf('beta/demo-web-1'), { message: /^No such container/u });
  t.throws(() => idOf('x/alpha/demo-web-1'), { message: /^No such container/u });
});

test('a container is that of the task which has adopted it, before and after it reports', async (t) => {
  const store = await openTestStore();
  const id = 'b'.repeat(64);
  const web = aService('web');
  const ended = aTask(web, 1, {
    ...{ id: 'old', node: 'n1', state: 'complete', desired: 'shutdown' },
    status: { containerId: id, exitCode: 0 },
  });
  const started = {
    ...aTask(web, 1, { id: 'new', node: 'n1', state: 'starting' }),
    adopts: 'old' as TaskId,
  };
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode('n1', { name: 'alpha' }));
    tx.create('services', web);
    tx.create('tasks', ended);
    tx.create('tasks', started);
  });
  for (const reference of [id, id.slice(0, 12), 'demo-web-1']) {
    t.is(findContainer(store.view, reference).task.id, started.id);
  }
  await store.update('restore', (tx) => {
    const task = tx.get('tasks', started.id);
    if (task !== undefined) {
      tx.put('tasks', { ...task, status: { ...task.status, containerId: id } });
    }
  });
  t.is(findContainer(store.view, id).task.id, started.id);
});

test('prefixes of every length find the containers of the present tasks', async (t) => {
  const store = await openTestStore();
  const containers = ['ab0', 'ab1', 'abc', 'c00'].map((start) => start.padEnd(64, '7'));
  const web = aService('web', { replicas: containers.length });
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode('n1', { name: 'alpha' }));
    tx.create('services', web);
    for (const [at, containerId] of containers.entries()) {
      tx.create('tasks', aTask(web, at + 1, { node: 'n1', status: { containerId } }));
    }
  });
  const found = (prefix: string): readonly (string | undefined)[] =>
    store.view.tasksOfContainerPrefix(prefix).map(({ status }) => status.containerId);
  for (const length of [1, 2, 3, 4, 11, 12, 64]) {
    for (const prefix of containers.map((id) => id.slice(0, length))) {
      const expected = containers.filter((id) => id.startsWith(prefix));
      t.deepEqual([...found(prefix)].sort(), expected, `prefix ${prefix}`);
    }
  }
  t.deepEqual(found('d'), []);
  await store.update('restore', (tx) => {
    tx.remove('tasks', aTask(web, 4).id);
  });
  t.throws(() => findContainer(store.view, 'c'), { message: 'No such container: c' });
});
