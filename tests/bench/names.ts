import { busyboxReference } from '../../fixtures/images/busybox.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { BenchCluster } from './cluster.js';
import { withCluster } from './cluster.js';
import { nextEvent, running } from './engines.js';
import { figure, print } from './figures.js';
import { NameWatcher } from './name-watcher.js';
import { loadBusyboxImage } from './start.js';

const nodes = ['node-1', 'node-2', 'node-3'];
const web = 'com.docker.compose.service=web';
const probe = 'com.docker.compose.service=probe';
const compose = `services:
  web:
    image: ${busyboxReference}
    command: ["sleep", "1000000"]
    stop_grace_period: 0s
    deploy:
      replicas: 3
  probe:
    image: ${busyboxReference}
    command: ["sleep", "1000000"]
    stop_grace_period: 0s
    deploy:
      mode: global
`;

export async function run(args: readonly string[]): Promise<void> {
  const runs = Number(args[0] ?? 5);
  await withCluster('bnames', '10.98.132', async (cluster) => {
    await cluster.up(nodes.length);
    await loadBusyboxImage(cluster);
    const folder = await cluster.project('names', compose);
    const took: number[] = [];
    for (let i = 0; i < runs; i += 1) {
      await cluster.shoal(['up', '-d', '--wait'], folder);
      took.push(await crashTask(cluster));
      await cluster.shoal(['down'], folder);
    }
    print(figure('crashed task gone from names on every node', 's', took, '<= 0.5'));
  });
}

/** Id, address, gateway and main process of a service's first container on a node. */
export async function endpointOn(
  cluster: BenchCluster,
  node: string,
  service: string,
): Promise<ContainerEnd> {
  const engine = cluster.engine(node);
  const [container] = await running(engine, service);
  if (container === undefined) throw new Error(`no container of ${service} on ${node}`);
  const [network] = Object.values(container.NetworkSettings.Networks);
  if (network === undefined) throw new Error(`container ${container.Id} has no network`);
  const { State } = await engine.getContainer(container.Id).inspect();
  const { IPAddress: address, Gateway: gateway } = network;
  return { id: container.Id, address, gateway, pid: State.Pid };
}

interface ContainerEnd {
  readonly id: string;
  readonly address: string;
  readonly gateway: string;
  /** Process id in the machine's numbering. */
  readonly pid: number;
}

/** One watcher per node, in the node's `probe` container. */
export async function watchNames(cluster: BenchCluster): Promise<readonly NameWatcher[]> {
  return Promise.all(
    nodes.map(async (node) => {
      const client = await endpointOn(cluster, node, probe);
      return new NameWatcher(cluster.lab.machine(node), client, 'web');
    }),
  );
}

async function crashTask(cluster: BenchCluster): Promise<number> {
  const watchers = await watchNames(cluster);
  try {
    await waitFor('three addresses on every node', () =>
      watchers.every((watcher) => watcher.last?.addresses.length === 3),
    );
    const victim = await endpointOn(cluster, 'node-2', web);
    const engine = cluster.engine('node-2');
    const filters = { type: ['container'], event: ['die'], container: [victim.id] };
    const event = await nextEvent(engine, filters, 30_000);
    await cluster.lab.machine('node-2').output(['kill', '-9', String(victim.pid)]);
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
