import { busyboxReference } from '../../fixtures/images/busybox.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { BenchCluster } from './cluster.js';
import { withCluster } from './cluster.js';
import { running } from './engines.js';
import { figure, print } from './figures.js';
import { endpointOn, watchNames } from './names.js';
import type { NameWatcher } from './name-watcher.js';
import { loadBusyboxImage } from './start.js';

const nodes = ['node-1', 'node-2', 'node-3'];
const label = 'com.docker.compose.service=web';
const compose = `services:
  web:
    image: ${busyboxReference}
    command: ["httpd", "-f", "-p", "80"]
    restart: always
    stop_grace_period: 0s
    deploy:
      replicas: 3
  probe:
    image: ${busyboxReference}
    command: ["sleep", "1000000"]
    restart: always
    stop_grace_period: 0s
    deploy:
      mode: global
`;

export async function run(args: readonly string[]): Promise<void> {
  const runs = Number(args[0] ?? 3);
  const cutMs = Number(args[1] ?? 20) * 1000;
  await withCluster('bcut', '10.98.136', async (cluster) => {
    await cluster.up(nodes.length);
    await loadBusyboxImage(cluster);
    const folder = await cluster.project('cut', compose);
    const right: number[] = [];
    let doubles = 0;
    for (let i = 0; i < runs; i += 1) {
      await cluster.shoal(['up', '-d', '--wait'], folder);
      const seen = await cutOnce(cluster, cutMs);
      right.push(seen.rightAfterMs / 1000);
      doubles += seen.doubles;
      await cluster.shoal(['down', '-v'], folder);
    }
    print(
      figure('partition healed until names, replicas and routes are right', 's', right, '<= 3'),
    );
    print(`samples with two copies of a slot reachable: ${String(doubles)}  (target 0)`);
  });
}

/** Returns whether port 80 of an address answers a request from a node's probe container. */
async function answers(cluster: BenchCluster, node: string, address: string): Promise<boolean> {
  const [probe] = await running(cluster.engine(node), 'com.docker.compose.service=probe');
  if (probe === undefined) return false;
  const machine = cluster.lab.machine(node);
  const ask = ['docker', 'exec', probe.Id, 'nc', '-w', '1', address, '80'];
  return (await machine.exec(ask)).exitCode === 0;
}

async function replicaCounts(cluster: BenchCluster): Promise<readonly number[]> {
  return Promise.all(
    nodes.map(async (node) => (await running(cluster.engine(node), label)).length),
  );
}

async function cutOnce(
  cluster: BenchCluster,
  cutMs: number,
): Promise<{ readonly rightAfterMs: number; readonly doubles: number }> {
  const ends = await Promise.all(nodes.map((node) => endpointOn(cluster, node, label)));
  const stale = ends[2]?.address ?? '';
  const watchers = await watchNames(cluster);
  let doubles = 0;
  const sample = async (): Promise<void> => {
    const [now] = watchers;
    const replaced = now?.last?.addresses.length === 3 && !now.last.addresses.includes(stale);
    if (replaced && (await answers(cluster, 'node-1', stale))) doubles += 1;
  };
  try {
    await cluster.lab.cut('node-3');
    const until = Date.now() + cutMs;
    while (Date.now() < until) {
      await sample();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await cluster.lab.heal('node-3');
    const healed = Date.now();
    let rightAt = 0;
    // The recovery must last: a wrong sample restarts the measurement.
    while (Date.now() < healed + 10_000) {
      const right = await hasRecovered(cluster, watchers, stale);
      if (!right) rightAt = 0;
      else if (rightAt === 0) rightAt = Date.now();
      await sample();
    }
    if (rightAt === 0)
      throw new Error('the cluster did not recover within 10 s after the partition healed');
    await waitFor('node-3 to answer', () => answers(cluster, 'node-3', ends[0]?.address ?? ''));
    return { rightAfterMs: rightAt - healed, doubles };
  } finally {
    for (const watcher of watchers) watcher.close();
  }
}

/**
 * Three replicas in all, and every node resolves the same three addresses, without the stale one.
 */
async function hasRecovered(
  cluster: BenchCluster,
  watchers: readonly NameWatcher[],
  stale: string,
): Promise<boolean> {
  const total = (await replicaCounts(cluster)).reduce((sum, count) => sum + count, 0);
  const named = watchers.map((watcher) => (watcher.last?.addresses ?? []).join(' '));
  const [first = ''] = named;
  const agree = named.every((names) => names === first) && first.split(' ').length === 3;
  return total === 3 && agree && !first.includes(stale);
}
