import { busyboxImage, busyboxReference } from '../../fixtures/images/busybox.js';
import { buildArchive } from '../../fixtures/images/archive.js';
import { loadImages } from '../../fixtures/images/load.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { BenchCluster } from './cluster.js';
import { withCluster } from './cluster.js';
import { inParallel, running } from './engines.js';
import { figure, median, print } from './figures.js';

const nodes = ['node-1', 'node-2', 'node-3'];
const perNode = 10;
const label = 'com.docker.compose.project=start';
const compose = `services:
  web:
    image: ${busyboxReference}
    command: ["sleep", "1000000"]
    stop_grace_period: 0s
    deploy:
      replicas: ${String(perNode * nodes.length)}
`;

export async function run(args: readonly string[]): Promise<void> {
  const runs = Number(args[0] ?? 5);
  await withCluster('bstart', '10.98.120', async (cluster) => {
    await cluster.up(nodes.length);
    await loadBusyboxImage(cluster);
    const folder = await cluster.project('start', compose);
    const floors: number[] = [];
    const ours: number[] = [];
    // One uncounted run of each: the first containers after an engine's start are slower.
    await floor(cluster);
    await product(cluster, folder);
    for (let i = 0; i < runs; i += 1) {
      floors.push(await floor(cluster));
      ours.push(await product(cluster, folder));
    }
    print(figure('engines alone, two at a time each', 's', floors));
    print(figure('shoal up, command to all running', 's', ours));
    print(`ratio of medians: ${(median(ours) / median(floors)).toFixed(2)}  (target <= 1.3)`);
  });
}

export async function loadBusyboxImage(cluster: BenchCluster): Promise<void> {
  const archive = await buildArchive([await busyboxImage()]);
  await loadImages(archive, cluster.lab.machines());
}

async function floor(cluster: BenchCluster): Promise<number> {
  const engines = nodes.map((node) => cluster.engine(node));
  await Promise.all(engines.map((engine) => engine.createNetwork({ Name: 'floor' })));
  const numbers = Array.from({ length: perNode }, (_, index) => index);
  const begun = performance.now();
  await Promise.all(
    engines.map((engine) =>
      inParallel(numbers, 2, async (number) => {
        const container = await engine.createContainer({
          name: `floor-${String(number)}`,
          Image: busyboxReference,
          Cmd: ['sleep', '1000000'],
          HostConfig: { NetworkMode: 'floor' },
        });
        await container.start();
      }),
    ),
  );
  const tookMs = performance.now() - begun;
  await Promise.all(
    engines.map(async (engine) => {
      await inParallel(numbers, 4, (number) =>
        engine.getContainer(`floor-${String(number)}`).remove({ force: true }),
      );
      await engine.getNetwork('floor').remove();
    }),
  );
  return tookMs / 1000;
}

async function product(cluster: BenchCluster, folder: string): Promise<number> {
  const begun = performance.now();
  await cluster.shoal(['up', '-d'], folder);
  const wanted = perNode * nodes.length;
  await waitFor(`${String(wanted)} running containers`, async () => {
    const counts = await Promise.all(
      nodes.map(async (node) => (await running(cluster.engine(node), label)).length),
    );
    return counts.reduce((sum, count) => sum + count, 0) === wanted;
  });
  const tookMs = performance.now() - begun;
  await cluster.shoal(['down', '-v'], folder);
  return tookMs / 1000;
}
