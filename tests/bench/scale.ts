import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { aNetwork, aNode, aService } from '../../fixtures/cluster/build.js';
import { Allocator } from '../../manager/allocator/allocator.js';
import { systemClock } from '../../manager/common/base/clock.js';
import { jsonLogger } from '../../manager/common/base/log.js';
import { newId } from '../../manager/common/base/random.js';
import type { Service } from '../../manager/common/model/service.js';
import { Orchestrator } from '../../manager/orchestrator/orchestrator.js';
import { Scheduler } from '../../manager/scheduler/scheduler.js';
import { openEmbedded } from '../../manager/store/embedded/embedded.js';
import { openStore } from '../../manager/store/open-store.js';
import type { ClusterStore } from '../../manager/store/store.js';
import { median, print } from './figures.js';

/*
 * Cost of a decision in a large cluster: the manager's own rooms create, address and place the
 * tasks of many services on overlay networks, with the embedded store and without workers; then one
 * more service of one task, many times. Usage: `scale [TASKS…]`
 */

const replicas = 100;
const servicesOfNetwork = 10;
/** 3,000 nodes hold 100,000 tasks. */
const tasksOfNode = 33;
const singles = 60;
const fillDeadlineMs = 600_000;

const log = jsonLogger(
  'error',
  (line) => process.stderr.write(line),
  () => Date.now(),
);

export async function run(args: readonly string[]): Promise<void> {
  const sizes = args.length > 0 ? args.map(Number) : [3_000, 30_000, 100_000];
  for (const tasks of sizes) await measure(tasks);
}

async function measure(tasks: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-bench-'));
  const store = await openStore({ backend: await openEmbedded(folder), clock: systemClock, log });
  const parts = { store, clock: systemClock, log };
  const rooms = [
    new Orchestrator({ ...parts, newId }),
    new Allocator(parts),
    new Scheduler({ ...parts, strategy: 'spread', seed: 1 }),
  ];
  try {
    await addNodes(store, Math.ceil(tasks / tasksOfNode));
    for (const room of rooms) room.start();
    await fill(store, tasks);
    await addOneByOne(store, tasks);
  } finally {
    await Promise.all(rooms.map((room) => room.stop()));
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function addNodes(store: ClusterStore, count: number): Promise<void> {
  await store.update('restore', (tx) => {
    for (let at = 1; at <= count; at += 1)
      tx.create('nodes', aNode(`node-${at}`, { nanoCpus: 64e9, memoryBytes: 256 * 2 ** 30 }));
  });
}

function serviceOn(name: string, network: string, count: number): Service {
  const task = { networks: [{ network, aliases: [] }], memoryBytes: 2 ** 28, nanoCpus: 1e8 };
  return aService(name, { replicas: count, task });
}

async function fill(store: ClusterStore, tasks: number): Promise<void> {
  const services = Math.ceil(tasks / replicas);
  const began = performance.now();
  const cpu = process.cpuUsage();
  const done = assigned(store, tasks);
  await store.update('restore', (tx) => {
    for (let at = 0; at < services; at += 1) {
      const network = `net-${Math.floor(at / servicesOfNetwork)}`;
      if (at % servicesOfNetwork === 0) tx.create('networks', unallocated(network));
      tx.create('services', serviceOn(`s${at}`, network, replicas));
    }
  });
  await done;
  const { user, system } = process.cpuUsage(cpu);
  const [wall, busy] = [(performance.now() - began) / 1e3, (user + system) / 1e6];
  print(`${tasks} tasks: filled in ${wall.toFixed(1)} s, ${busy.toFixed(1)} s of CPU`);
}

function unallocated(name: string): ReturnType<typeof aNetwork> {
  return { ...aNetwork(name), subnet: '', vni: 0 };
}

async function addOneByOne(store: ClusterStore, tasks: number): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const [walls, cpus]: [number[], number[]] = [[], []];
  for (let at = 0; at < singles; at += 1) {
    const done = assigned(store, 1);
    const [began, cpu] = [performance.now(), process.cpuUsage()];
    await store.update('restore', (tx) => {
      tx.create('services', serviceOn(`single-${at}`, 'net-0', 1));
    });
    await done;
    const { user, system } = process.cpuUsage(cpu);
    walls.push(performance.now() - began);
    cpus.push((user + system) / 1e3);
  }
  delay.disable();
  const sorted = walls.toSorted((a, b) => a - b);
  print(
    `${tasks} tasks: one more in ${median(walls).toFixed(1)} ms (p50), ${(sorted.at(-1) ?? 0).toFixed(1)} ms (worst of ${singles}), ` +
      `${median(cpus).toFixed(1)} ms of CPU; longest block of the event loop ${(delay.max / 1e6).toFixed(0)} ms`,
  );
}

/** Resolves once `count` further tasks are assigned. */
function assigned(store: ClusterStore, count: number): Promise<void> {
  let left = count;
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(fillDeadlineMs, () => {
      unwatch();
      reject(new Error(`${left} of ${count} tasks are not assigned after ${fillDeadlineMs} ms`));
    });
    const unwatch = store.watch(({ changes }) => {
      for (const change of changes)
        if (change.table === 'tasks' && isAssignment(change.before, change.after)) left -= 1;
      if (left > 0) return;
      cancel();
      unwatch();
      resolve();
    });
  });
}

interface WithState {
  readonly status: { readonly state: string };
}

function isAssignment(before: WithState | undefined, after: WithState | undefined): boolean {
  return before?.status.state !== 'assigned' && after?.status.state === 'assigned';
}
