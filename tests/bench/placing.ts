import { aNetwork, aNode, aService } from '../../fixtures/cluster/build.js';
import { findConsul } from '../../fixtures/consul/program.js';
import { ConsulServers } from '../../fixtures/consul/server.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import { Allocator } from '../../manager/allocator/allocator.js';
import { systemClock } from '../../manager/common/base/clock.js';
import { jsonLogger } from '../../manager/common/base/log.js';
import { newId } from '../../manager/common/base/random.js';
import { CatalogSync } from '../../manager/catalog/catalog.js';
import { Orchestrator } from '../../manager/orchestrator/orchestrator.js';
import { Scheduler } from '../../manager/scheduler/scheduler.js';
import { ConsulCatalog } from '../../manager/store/consul/catalog.js';
import type { KvOperation } from '../../manager/store/consul/client.js';
import { ConsulClient } from '../../manager/store/consul/client.js';
import { openConsul } from '../../manager/store/consul/consul.js';
import { openStore } from '../../manager/store/open-store.js';
import type { ClusterStore } from '../../manager/store/store.js';
import { figure, print } from './figures.js';

/*
 * Consul requests per placed task with three servers, by the size of the cluster: the manager's own
 * rooms create, address and place the tasks of one service on an overlay network; then all tasks
 * are reported as running and listed in Consul's catalog. Usage: `placing [TASKS [NODES…]]`
 */

const log = jsonLogger(
  'error',
  (line) => process.stderr.write(line),
  () => Date.now(),
);

export async function run(args: readonly string[]): Promise<void> {
  const tasks = Number(args[0] ?? 1_000);
  const sizes = args.length > 1 ? args.slice(1).map(Number) : [3, 100, 1_000];
  const found = await findConsul(true);
  if ('missing' in found) {
    print(`not measured: ${found.missing}`);
    return;
  }
  const servers = await ConsulServers.start({ program: found.path, servers: 3 });
  try {
    for (const nodes of sizes) await place(servers, tasks, nodes);
  } finally {
    await servers.stop();
  }
}

/** Counts the operations of transactions, in addition to requests. */
class CountingClient extends ConsulClient {
  operations = 0;

  override transact(
    operations: readonly KvOperation[],
    timeoutMs?: number,
  ): Promise<ReadonlyMap<string, number>> {
    this.operations += operations.length;
    return super.transact(operations, timeoutMs);
  }
}

function clientOf(servers: ConsulServers): CountingClient {
  const addresses = servers.addresses.map((address) => {
    const [host = '', port = ''] = address.split(':');
    return { host, port: Number(port) };
  });
  return new CountingClient({ servers: addresses, prefix: 'shoal' });
}

async function place(servers: ConsulServers, tasks: number, nodes: number): Promise<void> {
  const client = clientOf(servers);
  const cluster = { id: newId(), name: newId() };
  const backend = await openConsul({ client, prefix: 'shoal', cluster, owner: 'bench' });
  const store = await openStore({ backend, clock: systemClock, log });
  const network = aNetwork('back');
  const networks = [{ network: network.spec.name, aliases: [] }];
  await store.update('restore', (tx) => {
    for (let at = 1; at <= nodes; at += 1) tx.create('nodes', aNode(`node-${at}`));
    tx.create('networks', network);
    tx.create('services', aService('web', { replicas: tasks, task: { networks } }));
  });
  const parts = { store, clock: systemClock, log };
  const rooms = [
    new Orchestrator({ ...parts, newId }),
    new Allocator(parts),
    new Scheduler({ ...parts, strategy: 'spread', seed: 1 }),
  ];
  const before = { requests: client.requests, operations: client.operations };
  for (const room of rooms) room.start();
  await waitForState(store, tasks, 'assigned');
  await waitForIdle(client);
  const label = `${nodes} nodes, ${tasks} tasks`;
  const requests = (client.requests - before.requests) / tasks;
  const operations = (client.operations - before.operations) / tasks;
  print(figure(`${label}: requests to consul per placed task`, '', [requests], '<= 2'));
  print(figure(`${label}: keys written per placed task`, '', [operations]));
  await measureCatalog(client, store, { tasks, label, cluster });
  await Promise.all(rooms.map((room) => room.stop()));
  await store.close();
}

async function measureCatalog(
  client: CountingClient,
  store: ClusterStore,
  about: {
    readonly tasks: number;
    readonly label: string;
    readonly cluster: { readonly id: string; readonly name: string };
  },
): Promise<void> {
  const { tasks, label, cluster } = about;
  const catalog = new ConsulCatalog(client, cluster.id);
  const keeper = new CatalogSync({ store, clock: systemClock, log, catalog, cluster });
  keeper.start();
  // The nodes are listed first, once in the cluster's life.
  await waitForIdle(client);
  const before = client.requests;
  await store.update('restore', (tx) => {
    for (const task of tx.list('tasks')) {
      tx.put('tasks', { ...task, status: { ...task.status, state: 'running', startedAt: 1 } });
    }
  });
  await waitForIdle(client);
  const each = (client.requests - before) / tasks;
  await keeper.stop();
  const listed = await catalog.read();
  if (listed.services.size < tasks) print(`only ${listed.services.size} tasks are listed`);
  print(figure(`${label}: requests to list a running task in the catalog`, '', [each]));
}

async function waitForState(store: ClusterStore, count: number, state: string): Promise<void> {
  await waitFor(
    `${count} tasks to be ${state}`,
    () => store.view.list('tasks').filter(({ status }) => status.state === state).length === count,
    { timeoutMs: 300_000 },
  );
}

/** Waits until Consul has received no request for two seconds. */
async function waitForIdle(client: CountingClient): Promise<void> {
  let [last, since] = [client.requests, performance.now()];
  await waitFor(
    'consul to be idle',
    () => {
      if (client.requests !== last) [last, since] = [client.requests, performance.now()];
      return performance.now() - since > 2_000;
    },
    { timeoutMs: 300_000 },
  );
}
