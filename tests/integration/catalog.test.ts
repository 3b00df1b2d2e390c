import { Resolver } from 'node:dns/promises';
import test from 'ava';
import { aServiceSpec } from '../../fixtures/cluster/build.js';
import { newId } from '../../manager/common/base/random.js';
import { clientOf, consulTest, sharedConsul } from '../helpers/consul/consul.js';
import { aStatus, FakeWorker } from '../helpers/fakes/fake-worker.js';
import type { ManagerProcess } from '../helpers/managers/manager-process.js';
import { leaderOf, prepareManagers } from '../helpers/managers/manager-process.js';
import type { TestPki } from '../helpers/pki/pki.js';
import { createTestPki } from '../helpers/pki/pki.js';
import { until } from '../helpers/until.js';
import { anApply } from '../helpers/managers/project-apply.js';

/*
 * The catalog entries of a cluster in a real Consul, as other programs see them over HTTP and DNS.
 */

const shared = sharedConsul();
let pki: TestPki;

test.before(async () => {
  pki = await createTestPki('c1');
});

interface Found {
  readonly Node: { readonly Node: string };
  readonly Service: {
    readonly ID: string;
    readonly Address: string;
    readonly Port: number;
    readonly Tags: readonly string[];
  };
  readonly Checks: readonly { readonly Status: string }[];
}

async function healthOf(service: string): Promise<readonly Found[]> {
  const client = clientOf(shared());
  try {
    return (await client.call((consul) =>
      consul.health.service({ service, consistent: true } as never),
    )) as readonly Found[];
  } finally {
    client.close();
  }
}

const healthy = ({ Checks }: Found): boolean => Checks.every(({ Status }) => Status === 'passing');

function apply(manager: ManagerProcess, replicas: number): Promise<unknown> {
  return manager.call(
    'project.apply',
    anApply({
      project: 'shop',
      services: [aServiceSpec('front', { replicas })].map((spec) => ({ ...spec, project: 'shop' })),
    }),
  );
}

function transact(operations: readonly object[]): Promise<unknown> {
  const client = clientOf(shared());
  return client
    .call((consul) => consul.transaction.create(operations as never))
    .finally(() => {
      client.close();
    });
}

consulTest('running tasks and nodes can be found over HTTP and DNS', async (t) => {
  const servers = shared();
  const clusterName = newId().slice(0, 8);
  await transact([
    { Node: { Verb: 'set', Node: { Node: 'legacy', Address: '192.0.2.9' } } },
    { Service: { Verb: 'set', Node: 'legacy', Service: { ID: 'old', Service: 'front' } } },
  ]);
  const managers = await prepareManagers(t, ['m1', 'm2'], {
    pki,
    discovery: `consul://${servers.addresses.join(',')}`,
    clusterName,
  });
  for (const manager of managers) manager.start();
  const first = await leaderOf(managers);
  const tls = await pki.node('worker', 'w1');
  const join = (port: number): Promise<FakeWorker> =>
    FakeWorker.join({ port, clusterId: 'c1', nodeId: 'w1', tls, address: '127.0.0.2' });
  const worker = await join(first.port);
  await apply(first, 2);
  const ownTasks = async (): Promise<readonly Found[]> =>
    (await healthOf('front')).filter(({ Node }) => Node.Node === `shoal-${clusterName}-w1`);
  await until(
    'two tasks are listed',
    20_000,
    async () => (await ownTasks()).filter(healthy).length === 2,
  );
  t.deepEqual((await ownTasks()).map(({ Service }) => Service.Tags).sort(), [
    ['shop', 'slot-1'],
    ['shop', 'slot-2'],
  ]);
  t.deepEqual(
    (await healthOf('shoal-node')).map(({ Service }) => Service.Address),
    ['127.0.0.2'],
  );
  const resolver = new Resolver();
  resolver.setServers([servers.dns]);
  const names = await resolver.resolve4('slot-1.front.service.consul');
  t.deepEqual(names, ['127.0.0.2']);

  const [task] = await first.call('task.list', { project: 'shop' });
  worker.report(task?.id ?? '', aStatus('running', { startedAt: 1, health: 'unhealthy' }));
  await until(
    'the health check follows',
    20_000,
    async () => (await ownTasks()).filter(healthy).length === 1,
  );

  await transact([
    {
      Service: {
        Verb: 'delete',
        Node: `shoal-${clusterName}-w1`,
        Service: { ID: 'shoal-node-w1', Service: 'shoal-node' },
      },
    },
  ]);
  first.signal('SIGKILL');
  await first.exit;
  worker.leave();
  const second = await leaderOf(managers.filter((manager) => manager !== first));
  await until('the next leader restores missing entries', 20_000, async () => {
    return (await healthOf('shoal-node')).length === 1;
  });
  t.is((await ownTasks()).length, 2, 'tasks not reported as ended stay registered');

  const rejoined = await join(second.port);
  t.teardown(() => {
    rejoined.leave();
  });
  await apply(second, 0);
  await until('no task is listed', 20_000, async () => (await ownTasks()).length === 0);
  t.deepEqual(
    (await healthOf('front')).map(({ Service }) => Service.ID),
    ['old'],
    'foreign registrations stay',
  );
});
