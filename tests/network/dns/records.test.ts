import test from 'ava';
import { aNetworkOnNode, anEndpoint } from '../../../fixtures/cluster/network-view.js';
import type { Endpoint } from '../../../manager/common/model/network-view.js';
import type { NetworkId } from '../../../manager/common/model/ids.js';
import { NameIndex, containerNameOf, namesOf } from '../../../network/dns/records.js';

const front = aNetworkOnNode({ key: 'front' });
const back = aNetworkOnNode({
  key: 'back',
  subnet: '10.211.0.0/16',
  gateway: '10.211.0.1',
  vni: 4097,
});
const on = (network: { id: NetworkId }, address: string, given: Partial<Endpoint> = {}): Endpoint =>
  anEndpoint({ networkId: network.id, address, ...given });

const index = new NameIndex({
  networks: [front, back],
  projects: [],
  endpoints: [
    on(front, '10.210.0.11', { service: 'todoApp' }),
    on(front, '10.210.0.12', { service: 'todoApp', slot: 2 }),
    on(front, '10.210.0.20', { service: 'api' }),
    on(back, '10.211.0.20', { service: 'api' }),
    on(back, '10.211.0.30', { service: 'db' }),
    on(front, '10.210.0.40', { service: 'api', project: 'other' }),
    on(front, '10.210.0.41', { service: 'cache', project: 'other' }),
  ],
});
const addresses = (
  name: string,
  from: string,
  listening = front,
): readonly string[] | undefined => {
  const scope = index.scopeOf(from, listening.id);
  return scope && index.find(name, scope)?.map(({ address }) => address);
};

for (const name of ['todoapp', 'tasks.todoapp', 'todoapp.shop', 'tasks.todoapp.shop'])
  test(`"${name}" resolves to all tasks of the service`, (t) => {
    t.deepEqual(addresses(name, '10.210.0.20'), ['10.210.0.11', '10.210.0.12']);
  });

test('a container name resolves to one task', (t) => {
  t.deepEqual(addresses('shop-todoapp-2', '10.210.0.20'), ['10.210.0.12']);
});

test('a container resolves names of its own networks only', (t) => {
  t.deepEqual(addresses('db', '10.210.0.20'), ['10.211.0.30']);
  t.is(addresses('db', '10.210.0.11'), undefined);
});

test('a service of the client’s project takes precedence on a shared network', (t) => {
  t.deepEqual(addresses('api', '10.210.0.11'), ['10.210.0.20']);
  t.deepEqual(addresses('api', '10.210.0.41'), ['10.210.0.40']);
  t.deepEqual(addresses('api.other', '10.210.0.11'), ['10.210.0.40']);
  t.deepEqual(addresses('cache', '10.210.0.11'), ['10.210.0.41']);
});

test('an unknown client resolves names of the queried network, an outside client none', (t) => {
  t.deepEqual(addresses('db', '10.211.0.1', back), ['10.211.0.30']);
  t.is(addresses('todoapp', '10.211.0.1', back), undefined);
  t.is(index.scopeOf('192.0.2.1', front.id), undefined);
  t.is(index.scopeOf('10.211.0.30', front.id), undefined);
  t.deepEqual(index.scopeOfHost(front.id)?.networkIds, [front.id]);
});

test('a service resolves by its cluster name and by its Compose name', (t) => {
  const endpoint = anEndpoint({ project: 'shop', service: 'shop_web' });
  const names = namesOf(endpoint);
  for (const name of ['web', 'shop_web', 'web.shop', 'tasks.web', 'shop-web-1'])
    t.true(names.has(name));
  t.is(containerNameOf(anEndpoint({ aliases: ['my-db'] })), 'my-db');
});

test('names leave the cluster only for clients with a network that is not internal', (t) => {
  const closed = { ...back, internal: true };
  const seen = new NameIndex({
    networks: [front, closed],
    projects: [],
    endpoints: [
      on(front, '10.210.0.20', { service: 'api' }),
      on(closed, '10.211.0.20', { service: 'api' }),
      on(closed, '10.211.0.30', { service: 'db' }),
    ],
  });
  t.true(seen.scopeOf('10.211.0.20', closed.id)?.external);
  t.false(seen.scopeOf('10.211.0.30', closed.id)?.external);
  t.false(seen.scopeOf('10.211.0.99', closed.id)?.external);
  t.true(seen.scopeOf('10.210.0.99', front.id)?.external);
  t.true(seen.scopeOfHost(closed.id)?.external);
});

test("names of the client's project are known without tasks, on any network", (t) => {
  const names = new NameIndex({
    networks: [front],
    projects: [
      {
        project: 'shop',
        services: [
          { name: 'shop_api', aliases: [] },
          { name: 'shop_Db', aliases: ['Database'] },
        ],
      },
    ],
    endpoints: [
      on(front, '10.210.0.20', { service: 'api' }),
      on(front, '10.210.0.41', { service: 'cache', project: 'other' }),
    ],
  });
  const find = (name: string, from: string) => {
    const scope = names.scopeOf(from, front.id);
    return scope && names.find(name, scope)?.length;
  };
  const known = ['db', 'shop_db', 'tasks.db', 'db.shop', 'database', 'shop-db-1', 'shop-db-12'];
  for (const name of known) t.is(find(name, '10.210.0.20'), 0, `"${name}" is forwarded`);
  for (const name of ['dbx', 'shop-db-x', 'example.org'])
    t.is(find(name, '10.210.0.20'), undefined, `"${name}" is not forwarded`);
  t.is(find('api', '10.210.0.20'), 1);
  t.is(find('db', '10.210.0.41'), undefined, 'another project');
});
