import { busyboxReference } from '../../fixtures/images/busybox.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { BenchCluster } from './cluster.js';
import { withCluster } from './cluster.js';
import { nextEvent, running } from './engines.js';
import { figure, print } from './figures.js';
import { NameWatcher } from './name-watcher.js';
import { loadTo } from './start.js';

const nodes = ['node-1', 'node-2', 'node-3'];
const label = 'com.docker.compose.project=names';
const compose = `services:
  web:
    image: ${busyboxReference}
    command: ["sleep", "1000000"]
    stop_grace_period: 0s
    deploy:
      replicas: 3
`;

export async function run(args: readonly string[]): Promise<void> {
  const runs = Number(args[0] ?? 5);
  await withCluster('bnames', '10.98.132', async (cluster) => {
    await cluster.up(nodes.length);
    await loadTo(cluster);
    const folder = await cluster.project('names', compose);
    const took: number[] = [];
    for (let i = 0; i < runs; i += 1) {
      await cluster.shoal(['up', '-d', '--wait'], folder);
      took.push(await crash(cluster));
      await cluster.shoal(['down'], folder);
    }
    print(figure('crashed task gone from names on every node', 's', took, '<= 0.5'));
  });
}

/** The address and gateway of a service's first container on a node. */
export async function endpointOn(
  cluster: BenchCluster,
  node: string,
  service: string,
): Promise<{ readonly id: string; readonly address: string; readonly gateway: string }> {
  const engine = cluster.engine(node);
  const [container] = await running(engine, service);
  if (container === undefined) throw new Error(`no container of ${service} on ${node}`);
  const [network] = Object.values(container.NetworkSettings.Networks);
  if (network === undefined) throw new Error(`container ${container.Id} has no network`);
  return { id: container.Id, address: network.IPAddress, gateway: network.Gateway };
}

async function crash(cluster: BenchCluster): Promise<number> {
  const ends = await Promise.all(nodes.map((node) => endpointOn(cluster, node, label)));
  const watchers = nodes.map(
    (node, index) => new NameWatcher(cluster.lab.machine(node), ends[index]?.gateway ?? '', 'web'),
  );
  try {
    await waitFor('three addresses on every node', () =>
      watchers.every((watcher) => watcher.last?.addresses.length === 3),
    );
    const victim = ends[1];
    if (victim === undefined) throw new Error('no container on node-2');
    const engine = cluster.engine('node-2');
    const { State } = await engine.getContainer(victim.id).inspect();
    const filters = { type: ['container'], event: ['die'], container: [victim.id] };
    const event = await nextEvent(engine, filters, 30_000);
    await cluster.lab.machine('node-2').output(['kill', '-9', String(State.Pid)]);
    const died = await event.wait;
    event.close();
    await waitFor('the address to be gone everywhere', () =>
      watchers.every((watcher) => watcher.goneAt(victim.address, died - 50) !== undefined),
    );
    const gone = watchers.map((watcher) => watcher.goneAt(victim.address, died - 50) ?? 0);
    return (Math.max(...gone) - died) / 1000;
  } finally {
    for (const watcher of watchers) watcher.close();
  }
}
