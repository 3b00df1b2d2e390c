import { busyboxReference } from '../../fixtures/images/busybox.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import { messageOf } from '../../manager/base/errors.js';
import type { BenchCluster } from '../bench/cluster.js';
import { withCluster } from '../bench/cluster.js';
import { running } from '../bench/engines.js';
import { loadTo } from '../bench/start.js';
import type { Fault } from './cases.js';
import { faults } from './cases.js';
import { ReachWatch } from './watch.js';

/*
 * `npm run faults -- [PART OF A NAME…]`: breaks real lab machines in every way of cases.ts, some while a user
 * works, and holds the cluster afterwards against what was last acknowledged: every slot filled once, no
 * container left over. Prints how long a name did not lead to an answer, and how long it took to be right.
 * Not tried here: a full disk below an engine, and a clock that jumps; both need what the lab lacks.
 */

const nodes = ['node-1', 'node-2', 'node-3'];
const label = 'com.docker.compose.project=faults';
const settleMs = 180_000;
const compose = `services:
  keep:
    image: ${busyboxReference}
    command: ["sleep", "1000000"]
    init: true
    restart: always
    stop_grace_period: 0s
  probe:
    image: ${busyboxReference}
    command: ["sleep", "1000000"]
    init: true
    restart: always
    stop_grace_period: 0s
    deploy:
      mode: global
`;

class Trial {
  readonly #cluster: BenchCluster;
  readonly #folder: string;
  /** As last acknowledged. */
  #replicas = 3;

  constructor(cluster: BenchCluster, folder: string) {
    this.#cluster = cluster;
    this.#folder = folder;
  }

  async run(fault: Fault): Promise<string> {
    await this.#insist(['up', '-d', '--wait', '--scale', 'keep=3']);
    this.#replicas = 3;
    await this.#settled(this.#replicas);
    const [probe] = await running(
      this.#cluster.engine('node-2'),
      'com.docker.compose.service=probe',
    );
    const machine = this.#cluster.lab.machine('node-2');
    const watch = new ReachWatch(machine, probe?.Id ?? '', 'keep');
    const work = this.#work(fault);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_500));
    await fault.strike(this.#cluster.lab);
    const struck = performance.now();
    await work;
    const down = fault.during === 'down';
    await this.#settled(down ? 0 : this.#replicas);
    const rightMs = performance.now() - struck;
    const gapMs = await watch.stop();
    const reach = down ? '' : `, longest without an answer ${(gapMs / 1_000).toFixed(1)} s`;
    return `right after ${(rightMs / 1_000).toFixed(1)} s${reach}`;
  }

  async #work({ during }: Fault): Promise<void> {
    if (during === 'scale') {
      await this.#insist(['scale', 'keep=6']);
      this.#replicas = 6;
    } else if (during === 'update') await this.#insist(['up', '-d', '--force-recreate', 'keep']);
    else if (during === 'down') await this.#insist(['down']);
  }

  /** As a user does: again until it is acknowledged. */
  async #insist(argv: readonly string[]): Promise<void> {
    const work = this.#folder;
    await waitFor(
      `shoal ${argv.join(' ')}`,
      async () => (await this.#cluster.try(argv, work)).code === 0,
      { timeoutMs: settleMs, intervalMs: 500 },
    );
  }

  /** Every slot once and nothing else, on the engines themselves, and the cluster says the same. */
  async #settled(replicas: number): Promise<void> {
    let seen = '';
    const wanted = [
      ...Array.from({ length: replicas }, (_, at) => `faults-keep-${at + 1}`),
      ...(replicas === 0 ? [] : nodes.map((_, at) => `faults-probe-${at + 1}`)),
    ].sort();
    const isRight = async (): Promise<boolean> => {
      const lists = await Promise.all(
        nodes.map((node) =>
          this.#cluster.engine(node).listContainers({ all: true, filters: { label: [label] } }),
        ),
      );
      const names = lists.flat().map(({ Names, State }) => `${Names[0]?.slice(1) ?? ''} ${State}`);
      seen = names.sort().join(', ');
      return seen === wanted.map((name) => `${name} running`).join(', ');
    };
    try {
      await waitFor('the cluster to be right', isRight, { timeoutMs: settleMs, intervalMs: 300 });
    } catch (error) {
      throw new Error(`${messageOf(error)}; there is: ${seen}`, { cause: error });
    }
    const { stdout } = await this.#cluster.try(['ps', '--format', 'json'], this.#folder);
    const told = stdout.split('\n').filter((line) => line.includes('"State":"running"')).length;
    if (told !== wanted.length) throw new Error(`ps says ${told} of ${wanted.length} run`);
  }
}

const parts = process.argv.slice(2);
const chosen = faults.filter(
  ({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)),
);
const lab = { name: process.env.SHOAL_LAB ?? 'fmatrix', subnet: process.env.SHOAL_LAB_SUBNET };
let failed = 0;
await withCluster(lab.name, lab.subnet ?? '10.98.140', async (cluster) => {
  await cluster.up(nodes.length);
  await loadTo(cluster);
  const trial = new Trial(cluster, await cluster.project('faults', compose));
  for (const fault of chosen) {
    try {
      console.log(`ok      ${fault.name}: ${await trial.run(fault)}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${fault.name}: ${messageOf(error)}`);
    }
  }
});
console.log(`${chosen.length - failed} of ${chosen.length} faults passed`);
process.exitCode = failed === 0 ? 0 : 1;
