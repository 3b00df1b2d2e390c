import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { CatalogOperation } from '../../../../manager/store/catalog.js';
import { ConsulCatalog } from '../../../../manager/store/consul/catalog.js';
import type { ConsulAnswer, FakeServer } from '../../../helpers/fakes/fake-consul.js';
import { clientOfPorts, startFakeServer } from '../../../helpers/fakes/fake-consul.js';

async function catalogOf(
  t: ExecutionContext,
  answers: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly catalog: ConsulCatalog; readonly server: FakeServer }> {
  const server = await startFakeServer(t, ({ line }): ConsulAnswer => {
    if (line === 'PUT /v1/txn') return { body: { Results: [] } };
    return line in answers ? { body: answers[line] } : { status: 404, body: 'not found' };
  });
  const client = clientOfPorts(t, [server.port]);
  return { catalog: new ConsulCatalog(client, 'c1'), server };
}

const ours = { 'shoal-cluster': 'c1' };
const service = { Service: 'web', Address: '10.0.0.5', Port: 80, Tags: ['a'] };

test('nodes and services of the cluster are read with their health, others are foreign', async (t) => {
  const { catalog } = await catalogOf(t, {
    'GET /v1/catalog/nodes': [
      { Node: 'w1', Address: '10.0.0.1', Meta: ours },
      { Node: 'w2', Address: '10.0.0.2', Meta: ours },
      { Node: 'agent', Address: '10.0.0.9', Meta: null },
      { Node: 'other', Address: '10.0.0.8', Meta: { 'shoal-cluster': 'c2' } },
    ],
    'GET /v1/catalog/node/w1': {
      Services: {
        t1: { ...service, ID: 't1', Meta: { ...ours, project: 'demo' } },
        t2: { ...service, ID: 't2', Port: 0, Tags: null, Meta: ours },
        t3: { ...service, ID: 't3', Meta: ours },
      },
    },
    'GET /v1/health/node/w1': [
      { CheckID: 'shoal-node', Status: 'passing', Output: '' },
      { CheckID: 't1:runs', Status: 'passing', Output: 'up' },
      { CheckID: 't2:runs', Status: 'critical', Output: 'exited' },
    ],
    'GET /v1/catalog/node/w2': {
      Services: { x: { ...service, ID: 'x', Meta: null }, y: { ...service, ID: 'y', Meta: ours } },
    },
    'GET /v1/health/node/w2': [{ CheckID: 'shoal-node', Status: 'critical', Output: 'is down' }],
  });
  const { nodes, services, foreign } = await catalog.read();
  t.deepEqual(
    [...nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    [
      { name: 'w1', address: '10.0.0.1', healthy: true, output: '' },
      { name: 'w2', address: '10.0.0.2', healthy: false, output: 'is down' },
    ],
  );
  const common = { node: 'w1', name: 'web', address: '10.0.0.5', port: 80, tags: ['a'] };
  t.deepEqual(services.get('t1'), {
    ...common,
    ...{ id: 't1', meta: { ...ours, project: 'demo' }, healthy: true, output: 'up' },
  });
  t.deepEqual(services.get('t2'), {
    ...common,
    ...{ id: 't2', port: 0, tags: [], meta: ours, healthy: false, output: 'exited' },
  });
  t.like(services.get('t3'), { healthy: false, output: '' });
  t.deepEqual([...services.keys()].sort(), ['t1', 't2', 't3', 'y']);
  t.deepEqual([...foreign].sort(), ['agent', 'other', 'w2']);
});

test('a node that is gone by the time it is read has no services', async (t) => {
  const { catalog } = await catalogOf(t, {
    'GET /v1/catalog/nodes': [{ Node: 'w1', Address: '10.0.0.1', Meta: ours }],
    'GET /v1/catalog/node/w1': null,
    'GET /v1/health/node/w1': [],
  });
  const { nodes, services } = await catalog.read();
  t.like(nodes.get('w1'), { healthy: false, output: '' });
  t.is(services.size, 0);
});

test('operations become one transaction with a check for each node and service', async (t) => {
  const { catalog, server } = await catalogOf(t);
  await catalog.apply([
    {
      kind: 'put-node',
      node: { name: 'w1', address: '10.0.0.1', healthy: true, output: '' },
    },
    {
      kind: 'put-service',
      service: {
        ...{ id: 't1', node: 'w1', name: 'web', address: '10.0.0.5', port: 80, tags: ['a'] },
        ...{ meta: ours, healthy: false, output: 'exited' },
      },
    },
    { kind: 'remove-service', id: 't2', node: 'w1', name: 'db' },
    { kind: 'remove-node', name: 'w2' },
  ]);
  const Node = 'w1';
  const check = (fields: object): object => ({ Check: { Verb: 'set', Check: fields } });
  t.deepEqual(
    server.requests.map(({ line, body }) => [line, body]),
    [
      [
        'PUT /v1/txn',
        [
          {
            Node: {
              Verb: 'set',
              Node: {
                ...{ Node, Address: '10.0.0.1' },
                Meta: { ...ours, 'external-node': 'true' },
              },
            },
          },
          check({
            ...{ Node, CheckID: 'shoal-node', Name: 'node is not down' },
            ...{ Status: 'passing', Output: '' },
          }),
          {
            Service: {
              ...{ Verb: 'set', Node },
              Service: { ...service, ID: 't1', Meta: ours },
            },
          },
          check({
            ...{ Node, CheckID: 't1:runs', Name: 'task is running', ServiceID: 't1' },
            ...{ Status: 'critical', Output: 'exited' },
          }),
          { Service: { Verb: 'delete', Node, Service: { ID: 't2', Service: 'db' } } },
          { Node: { Verb: 'delete', Node: { Node: 'w2' } } },
        ],
      ],
    ],
  );
});

test('more operations than one transaction takes are sent in several, none of them split', async (t) => {
  const { catalog, server } = await catalogOf(t);
  const put: CatalogOperation = {
    kind: 'put-node',
    node: { name: 'w1', address: '10.0.0.1', healthy: true, output: '' },
  };
  const removal: CatalogOperation = { kind: 'remove-node', name: 'w2' };
  const sizes = async (operations: readonly CatalogOperation[]): Promise<readonly number[]> => {
    const before = server.requests.length;
    await catalog.apply(operations);
    return server.requests.slice(before).map(({ body }) => (body as readonly object[]).length);
  };
  const puts = (count: number): readonly CatalogOperation[] => new Array(count).fill(put) as never;
  t.deepEqual(await sizes([]), []);
  t.deepEqual(await sizes(puts(32)), [64]);
  t.deepEqual(await sizes([...puts(32), removal]), [64, 1]);
  t.deepEqual(await sizes([removal, ...puts(32)]), [63, 2]);
});
