import { setTimeout as delay } from 'node:timers/promises';
import { connectTo } from '../../cli/client/client.js';
import type { ControlClient } from '../../cli/client/client.js';
import { findCluster } from '../../cli/inventory/context.js';
import { findConsul } from '../../fixtures/consul/program.js';
import { buildArchive } from '../../fixtures/images/archive.js';
import { loadImages } from '../../fixtures/images/load.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import { todoImages } from '../../fixtures/todo-app/images.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { BenchCluster } from './cluster.js';
import { withCluster } from './cluster.js';
import { figure, print } from './figures.js';

const readEveryMs = 20;
const awayMs = 10_000;

/**
 * Three managers over three Consul servers, each on its own machine. Measures the time from killing
 * the leader until the next write is accepted, and the failed requests to the to-do application
 * while no manager runs. Argument: how often the leader is killLeader.
 */
export async function run(args: readonly string[]): Promise<void> {
  const runs = Number(args[0] ?? 20);
  const consul = await findConsul(true);
  if ('missing' in consul) throw new AppError('unsupported', consul.missing);
  await withCluster('bfail', '10.98.126', async (cluster) => {
    await cluster.up(3, [
      ...['--swarm-managers', '3', '--consul-server', '--consul-binary', consul.path],
    ]);
    const context = await findCluster({ home: cluster.home, env: {} });
    if (context === undefined) throw new AppError('internal', 'the cluster has no record');
    const client = await connectTo(context);
    try {
      const took: number[] = [];
      for (let i = 0; i < runs; i += 1) took.push(await killLeader(cluster, client, i));
      print(figure('leader killed until the next write is accepted', 's', took, '<= 1.5'));
      const { failed, sent } = await readWithoutManagers(cluster, client);
      const goal = '(target 0)';
      print(
        `failed requests to the to-do application without managers: ${failed} of ${sent}  ${goal}`,
      );
    } finally {
      client.close();
    }
  });
}

/** The leader's machine, once all three managers are alive. */
function leader(cluster: BenchCluster, client: ControlClient): Promise<Machine> {
  return waitFor(
    'three managers and a leader',
    async () => {
      const managers = await client.call('manager.list', {});
      const found = managers.find((manager) => manager.leader);
      if (managers.filter(({ alive }) => alive).length < 3 || found === undefined) return undefined;
      const [host] = found.address.split(':');
      return cluster.lab.machines().find(({ address }) => address === host);
    },
    { timeoutMs: 60_000 },
  );
}

async function killLeader(
  cluster: BenchCluster,
  client: ControlClient,
  at: number,
): Promise<number> {
  const machine = await leader(cluster, client);
  const [node] = await client.call('node.list', {});
  const pid = await machine.output([
    'systemctl',
    'show',
    '-p',
    'MainPID',
    '--value',
    'shoal-manager',
  ]);
  const labelAdd = { failover: String(at) };
  const begun = performance.now();
  await machine.output(['kill', '-9', pid.trim()]);
  await waitFor(
    'a write to be accepted',
    () => client.call('node.update', { node: node?.id ?? '', labelAdd }).then(() => true),
    { timeoutMs: 30_000, intervalMs: 10 },
  );
  return (performance.now() - begun) / 1000;
}

async function readWithoutManagers(
  cluster: BenchCluster,
  client: ControlClient,
): Promise<{ readonly failed: number; readonly sent: number }> {
  const machines = cluster.lab.machines();
  await loadImages(await buildArchive(await todoImages()), machines);
  const folder = await cluster.project(
    'todo',
    `services:
  redis-master: {image: todo-redis-master}
  redis-slave: {image: todo-redis-slave, depends_on: [redis-master]}
  web: {image: todo-web, ports: ["8087:3000"], depends_on: [redis-master, redis-slave]}
`,
  );
  await leader(cluster, client);
  await cluster.shoal(['up', '-d', '--wait'], folder);
  const tasks = await client.call('task.list', { service: 'web' });
  const nodes = await client.call('node.list', {});
  const address = nodes.find(({ id }) => id === tasks[0]?.nodeId)?.description.address ?? '';
  const url = `http://${address}:8087/`;
  await waitFor('the application to answer', async () => (await fetch(url)).ok);
  const seen = { failed: 0, sent: 0, done: false };
  const reading = read(url, seen);
  for (const verb of ['stop', 'start']) {
    await Promise.all(
      machines.map((machine) => machine.output(['systemctl', verb, 'shoal-manager'])),
    );
    await delay(awayMs);
  }
  await leader(cluster, client);
  seen.done = true;
  await reading;
  return seen;
}

async function read(
  url: string,
  seen: { failed: number; sent: number; done: boolean },
): Promise<void> {
  while (!seen.done) {
    seen.sent += 1;
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      if (!answer.ok) seen.failed += 1;
      await answer.arrayBuffer();
    } catch {
      seen.failed += 1;
    }
    await delay(readEveryMs);
  }
}
