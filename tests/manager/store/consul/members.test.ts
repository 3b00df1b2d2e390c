import type { ExecutionContext } from 'ava';
import test from 'ava';
import { isConflict } from '../../../../manager/common/base/errors.js';
import { ConsulManagerRegistry } from '../../../../manager/store/consul/members.js';
import type { FakeServer } from '../../../helpers/fakes/fake-consul.js';
import { clientOfPorts, startFakeServer } from '../../../helpers/fakes/fake-consul.js';

interface Given {
  readonly node: string;
  readonly agent?: string;
  readonly address?: string;
  readonly cluster?: string;
  readonly statuses?: readonly string[];
}

const serviceId = (node: string): string => `shoal-manager-test-${node}`;

function registration({ node, agent = 'a1', address, cluster, statuses }: Given): object {
  const id = serviceId(node);
  return {
    Node: { Node: agent, Address: '192.0.2.1' },
    Service: {
      ...{ ID: id, Address: address ?? '10.0.0.1', Port: 7070 },
      Meta: { 'cluster-id': cluster ?? 'c1', node },
    },
    Checks: (statuses ?? ['passing']).map((Status) => ({ Status, ServiceID: id })),
  };
}

async function registryOf(
  t: ExecutionContext,
  ...given: readonly Given[]
): Promise<{ readonly registry: ConsulManagerRegistry; readonly server: FakeServer }> {
  const answer = given.map(registration);
  const own = given.filter(({ agent }) => agent === 'own').map(({ node }) => serviceId(node));
  const server = await startFakeServer(t, ({ line }) => {
    if (line === 'GET /v1/agent/services')
      return { body: Object.fromEntries(own.map((ID) => [ID, { ID }])) };
    return { body: line.startsWith('GET') ? answer : true };
  });
  const client = clientOfPorts(t, [server.port]);
  return { registry: new ConsulManagerRegistry(client, { id: 'c1', name: 'test' }), server };
}

test('managers of the cluster are listed by node, with address and health', async (t) => {
  const { registry, server } = await registryOf(
    t,
    { node: 'm2', address: '', statuses: ['passing', 'warning'] },
    { node: 'm3', address: 'fd00::1', statuses: ['passing', 'critical'] },
    { node: 'm1' },
    { node: 'm0', cluster: 'c2' },
  );
  t.deepEqual(await registry.list(), [
    { nodeId: 'm1', address: '10.0.0.1:7070', alive: true },
    { nodeId: 'm2', address: '192.0.2.1:7070', alive: true },
    { nodeId: 'm3', address: '[fd00::1]:7070', alive: false },
  ]);
  const [asked] = server.requests;
  t.is(asked?.line, 'GET /v1/health/service/shoal-manager');
  t.is(asked?.query.get('tag'), 'test');
  t.true(asked?.query.has('consistent'));
});

test('a manager that is registered at several agents is alive if one says so', async (t) => {
  const dead = { node: 'm1', agent: 'a2', address: '10.0.0.2', statuses: ['critical'] };
  for (const given of [
    [{ node: 'm1' }, dead],
    [dead, { node: 'm1' }],
  ]) {
    const { registry } = await registryOf(t, ...given);
    t.deepEqual(await registry.list(), [{ nodeId: 'm1', address: '10.0.0.1:7070', alive: true }]);
  }
});

test('a manager is removed from every agent that lists it', async (t) => {
  const { registry, server } = await registryOf(
    t,
    { node: 'm1', agent: 'a1' },
    { node: 'm2', agent: 'a1' },
    { node: 'm1', agent: 'a2' },
  );
  await registry.remove('m1');
  const removals = server.requests.filter(({ line }) => line === 'PUT /v1/catalog/deregister');
  t.deepEqual(
    removals.map(({ body }) => body),
    ['a1', 'a2'].map((Node) => ({ Node, ServiceID: 'shoal-manager-test-m1' })),
  );
  await registry.remove('m9');
  t.is(server.requests.filter(({ line }) => line.startsWith('PUT')).length, 2);
});

test('the own agent forgets a removed manager too, because it would register it again', async (t) => {
  const { registry, server } = await registryOf(
    t,
    { node: 'm1', agent: 'own' },
    { node: 'm2', agent: 'own' },
  );
  await registry.remove('m1');
  t.deepEqual(
    server.requests.map(({ line }) => line).filter((line) => line.startsWith('PUT')),
    ['PUT /v1/agent/service/deregister/shoal-manager-test-m1', 'PUT /v1/catalog/deregister'],
  );
});

test('only a living manager with the same id at another address is a conflict', async (t) => {
  const { registry } = await registryOf(t, { node: 'm1' }, { node: 'm2', statuses: ['critical'] });
  const self = (nodeId: string, host: string) => ({ nodeId, address: `${host}:7070` });
  await t.notThrowsAsync(registry.assertUniqueId(self('m1', '10.0.0.1')));
  await t.notThrowsAsync(registry.assertUniqueId(self('m2', '10.0.0.9')));
  await t.notThrowsAsync(registry.assertUniqueId(self('m3', '10.0.0.9')));
  const error = await t.throwsAsync(registry.assertUniqueId(self('m1', '10.0.0.9')));
  t.true(isConflict(error));
  t.is(
    error.message,
    'manager m1 of cluster test is already running at 10.0.0.1:7070; stop it, or provision this machine again to get a new id',
  );
});
