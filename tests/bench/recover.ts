import { busyboxReference } from '../../fixtures/images/busybox.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { BenchCluster } from './cluster.js';
import { withCluster } from './cluster.js';
import { nextEvent, running } from './engines.js';
import { figure, print } from './figures.js';
import { loadBusyboxImage } from './start.js';

const nodes = ['node-1', 'node-2', 'node-3'];
const label = 'com.docker.compose.project=recover';
const compose = `services:
  web:
    image: ${busyboxReference}
    command: ["sleep", "1000000"]
    restart: always
    stop_grace_period: 0s
    deploy:
      replicas: 3
`;

export async function run(args: readonly string[]): Promise<void> {
  const runs = Number(args[0] ?? 5);
  await withCluster('brecov', '10.98.124', async (cluster) => {
    await cluster.up(nodes.length);
    await loadBusyboxImage(cluster);
    const folder = await cluster.project('recover', compose);
    await cluster.shoal(['up', '-d', '--wait'], folder);
    const kills: number[] = [];
    for (let i = 0; i < runs; i += 1) kills.push(await killContainer(cluster));
    print(figure('container killed until it runs again', 's', kills, '<= 1'));
    const losses: number[] = [];
    for (let i = 0; i < runs; i += 1) losses.push(await powerOff(cluster));
    print(figure('machine powered off until replacements run', 's', losses, '<= 6'));
  });
}

async function killContainer(cluster: BenchCluster): Promise<number> {
  const engine = cluster.engine('node-2');
  const [container] = await running(engine, label);
  if (container === undefined) throw new Error('no container on node-2');
  const { State } = await engine.getContainer(container.Id).inspect();
  const filters = { type: ['container'], event: ['start'], container: [container.Id] };
  const event = await nextEvent(engine, filters, 30_000);
  const begun = Date.now();
  await cluster.lab.machine('node-2').output(['kill', '-9', String(State.Pid)]);
  const at = await event.wait;
  event.close();
  // The engine doubles the restart delay of containers that ran less than 10 s.
  await new Promise((resolve) => setTimeout(resolve, 11_000));
  return (at - begun) / 1000;
}

async function total(cluster: BenchCluster, on: readonly string[]): Promise<number> {
  const lists = await Promise.all(on.map((node) => running(cluster.engine(node), label)));
  return lists.flat().length;
}

async function powerOff(cluster: BenchCluster): Promise<number> {
  const lost = cluster.lab.machine('node-3');
  const rest = ['node-1', 'node-2'];
  if ((await total(cluster, ['node-3'])) === 0) {
    // Moves a replica back, as the cluster does not rebalance by itself.
    const folder = `${cluster.home}/recover`;
    await cluster.shoal(['up', '-d', '--wait', '--scale', 'web=2'], folder);
    await cluster.shoal(['up', '-d', '--wait', '--scale', 'web=3'], folder);
  }
  const begun = performance.now();
  await lost.kill();
  await waitFor('three running again', async () => (await total(cluster, rest)) === 3, {
    intervalMs: 20,
  });
  const took = performance.now() - begun;
  await lost.boot();
  await lost.ready();
  await waitFor('node-3 to be ready', async () =>
    /node-3\s.*ready/i.test(await cluster.shoal(['node', 'ls'])),
  );
  return took / 1000;
}
