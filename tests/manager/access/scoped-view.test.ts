import test from 'ava';
import { aNetwork, aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { ScopedView } from '../../../manager/access/scoped-view.js';
import type { Commit } from '../../../manager/store/store.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const shop = aService('web', { project: 'shop' });
const blog = aService('posts', { project: 'blog' });

function containerOf(project: string): string {
  return `${project === 'shop' ? 'a' : 'b'}0123456789abcdef`;
}

function aProjectNetwork(name: string, project: string): ReturnType<typeof aNetwork> {
  const network = aNetwork(name);
  return { ...network, spec: { ...network.spec, project } };
}

async function scene(): Promise<{
  readonly view: ScopedView;
  readonly commits: readonly Commit[];
}> {
  const store = await openTestStore();
  const commits: Commit[] = [];
  const view = new ScopedView(store.view, ['shop']);
  store.watch((commit) => commits.push(view.scope(commit)));
  await store.update('control', (tx) => {
    tx.create('nodes', aNode('n1'));
    for (const service of [shop, blog]) tx.create('services', service);
    tx.create('networks', aProjectNetwork('shop_default', 'shop'));
    tx.create('networks', aProjectNetwork('blog_default', 'blog'));
    tx.create('networks', aProjectNetwork('shared', ''));
  });
  await store.update('orchestrator', (tx) => {
    for (const service of [shop, blog]) {
      const status = { containerId: containerOf(service.spec.project) };
      tx.create('tasks', aTask(service, 1, { state: 'new', status }));
    }
  });
  return { view, commits };
}

test('a client of one project sees its objects, machines and shared networks only', async (t) => {
  const { view } = await scene();
  t.deepEqual(
    view.list('services').map(({ spec }) => spec.project),
    ['shop'],
  );
  t.is(view.count('tasks'), 1);
  t.is(view.count('nodes'), 1);
  t.deepEqual(
    view
      .list('networks')
      .map(({ spec }) => spec.name)
      .sort(),
    ['shared', 'shop_default'],
  );
  t.is(view.networkByName('blog_default'), undefined);
  t.is(view.serviceByName(blog.spec.name), undefined);
  t.is(view.get('services', blog.id), undefined);
  t.is(view.tasksOfService(shop.id).length, 1);
  t.deepEqual(view.tasksOfService(blog.id), []);
  t.deepEqual(view.servicesOfProject('blog'), []);
  t.deepEqual(
    ['shop', 'blog'].map((project) => view.tasksOfContainer(containerOf(project)).length),
    [1, 0],
  );
  const names = ['shop-web-1', 'blog-posts-1'];
  t.deepEqual(
    names.map((name) => view.tasksOfContainerName(name).length),
    [1, 0],
  );
  t.true(view.includes('shop') && view.includes('') && !view.includes('blog'));
});

test('changes of other projects are left out of its commits', async (t) => {
  const { commits } = await scene();
  const names = commits.flatMap(({ changes }) => changes.map(({ table, id }) => `${table} ${id}`));
  t.true(names.length >= 5);
  t.false(names.some((name) => name.includes('blog')));
});
