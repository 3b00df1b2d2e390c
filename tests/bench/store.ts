import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { findConsul } from '../../fixtures/consul/program.js';
import { ConsulServers } from '../../fixtures/consul/server.js';
import { aNode, aService, aTask } from '../../fixtures/cluster/build.js';
import { systemClock } from '../../manager/common/base/clock.js';
import { newId } from '../../manager/common/base/random.js';
import { jsonLogger } from '../../manager/common/base/log.js';
import type { Service } from '../../manager/common/model/service.js';
import type { Task } from '../../manager/common/model/task.js';
import { decide } from '../../manager/scheduler/decide.js';
import type { StoreBackend } from '../../manager/store/backend.js';
import { ConsulClient } from '../../manager/store/consul/client.js';
import { openConsul } from '../../manager/store/consul/consul.js';
import { openEmbedded } from '../../manager/store/embedded/embedded.js';
import { openStore } from '../../manager/store/open-store.js';
import type { ClusterStore } from '../../manager/store/store.js';
import { figure, median, print } from './figures.js';

/*
 * Tasks committed per second, each in its own transaction; tasks placed per second, each created,
 * made pending and assigned in its own transactions (three durable writes per task); and the time
 * from a manager's start to its first decision over many tasks. The CPU time of this process is
 * printed as well, because on a busy machine wall times depend on its neighbours.
 */

const rounds = 3;
const tasksOfRound = 5_000;
const manyTasks = 100_000;
/** Transactions in flight at once, as the controllers of a busy cluster keep them. */
const atOnce = 500;

interface Candidate {
  readonly name: string;
  readonly target: string;
  readonly open: () => Promise<StoreBackend>;
  readonly requests: () => number;
}

const log = jsonLogger(
  'warn',
  (line) => process.stderr.write(line),
  () => Date.now(),
);

export async function run(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-bench-'));
  try {
    await measure({
      name: 'embedded',
      target: '≥ 20000',
      open: () => openEmbedded(folder),
      requests: () => 0,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const found = await findConsul(true);
  if ('missing' in found) {
    print(`consul: not measured, ${found.missing}`);
    return;
  }
  const servers = await ConsulServers.start({ program: found.path, servers: 3 });
  try {
    await measure(consulCandidate(servers));
  } finally {
    await servers.stop();
  }
}

function consulCandidate(servers: ConsulServers): Candidate {
  const cluster = newId();
  let requests = 0;
  let client: ConsulClient | undefined;
  return {
    name: 'consul, three servers',
    target: '≥ 2000',
    open() {
      requests += client?.requests ?? 0;
      const addresses = servers.addresses.map((address) => {
        const [host = '', port = ''] = address.split(':');
        return { host, port: Number(port) };
      });
      client = new ConsulClient({ servers: addresses, prefix: 'shoal' });
      const identity = { id: cluster, name: cluster };
      return openConsul({ client, prefix: 'shoal', cluster: identity, owner: 'bench' });
    },
    requests: () => requests + (client?.requests ?? 0),
  };
}

async function measure(candidate: Candidate): Promise<void> {
  const service = aService('web', { replicas: 1 });
  const store = await open(candidate);
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode('w1'));
    tx.create('services', service);
  });
  await measureWrites(candidate, service, 'tasks committed', (task) =>
    store.update('orchestrator', (tx) => tx.create('tasks', task)),
  );
  const before = candidate.requests();
  await measureWrites(candidate, service, 'tasks placed by three writes each', (task) =>
    placeTask(store, task),
  );
  if (before > 0) {
    const each = (candidate.requests() - before) / (rounds * tasksOfRound);
    print(figure(`${candidate.name}: requests per placed task`, '', [each], '≤ 2'));
  }
  await fill(store, service, 2 * rounds * tasksOfRound);
  // A pending task, so that there is something to decide.
  await store.update('restore', (tx) => {
    tx.create('tasks', aTask(service, manyTasks + 1, { id: newId(), state: 'pending' }));
  });
  await store.close();
  await measureStart(candidate);
}

function open(candidate: Candidate): Promise<ClusterStore> {
  return candidate.open().then((backend) => openStore({ backend, clock: systemClock, log }));
}

async function measureWrites(
  candidate: Candidate,
  service: Service,
  subject: string,
  write: (task: Task) => Promise<unknown>,
): Promise<void> {
  const batches = Array.from({ length: rounds }, () =>
    Array.from({ length: tasksOfRound }, (_, at) =>
      aTask(service, at + 1, { id: newId(), state: 'new' }),
    ),
  );
  const speeds: number[] = [];
  const cpu = process.cpuUsage();
  for (const tasks of batches) {
    const began = performance.now();
    await eachTask(tasks, write);
    speeds.push(tasksOfRound / ((performance.now() - began) / 1_000));
  }
  const { user, system } = process.cpuUsage(cpu);
  const runs = speeds.map((speed) => speed.toFixed(0)).join(' ');
  const cpuUs = (user + system) / (rounds * tasksOfRound);
  print(
    `${candidate.name}: ${subject}: median ${median(speeds).toFixed(0)} per second, runs ${runs} (target ${candidate.target}), ${cpuUs.toFixed(0)} µs of CPU each`,
  );
}

/** Calls `write` with each task, many calls in flight at once. */
async function eachTask(
  tasks: readonly Task[],
  write: (task: Task) => Promise<unknown>,
): Promise<void> {
  const rest = tasks.values();
  const work = async (): Promise<void> => {
    for (const task of rest) await write(task);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

/** Places a task as orchestrator, allocator and scheduler do. */
async function placeTask(store: ClusterStore, task: Task): Promise<void> {
  await store.update('orchestrator', (tx) => tx.create('tasks', task));
  await store.update('allocator', (tx) => {
    const now = tx.get('tasks', task.id);
    if (now !== undefined) tx.put('tasks', { ...now, status: { ...now.status, state: 'pending' } });
  });
  await store.update('scheduler', (tx) => {
    const now = tx.get('tasks', task.id);
    if (now === undefined) return;
    const status = { ...now.status, state: 'assigned' as const };
    tx.put('tasks', { ...now, status, nodeId: aNode('w1').id });
  });
}

async function fill(store: ClusterStore, service: Service, from: number): Promise<void> {
  for (let at = from; at < manyTasks; at += tasksOfRound) {
    await store.update('restore', (tx) => {
      for (let slot = at; slot < Math.min(at + tasksOfRound, manyTasks); slot += 1) {
        tx.create('tasks', aTask(service, slot + 1, { id: newId(), node: 'w1' }));
      }
    });
  }
}

async function measureStart(candidate: Candidate): Promise<void> {
  const began = performance.now();
  const store = await open(candidate);
  const decisions = await store.update('restore', (tx) =>
    decide({
      nodes: tx.list('nodes'),
      placement: tx.placement,
      volumeByName: () => undefined,
      tasksOfNode: () => [],
      now: 0,
      strategy: 'spread',
      seed: 1,
    }),
  );
  const seconds = (performance.now() - began) / 1_000;
  const count = store.view.count('tasks');
  await store.close();
  print(
    figure(
      `${candidate.name}: start with ${String(count)} tasks to the first decision (${String(decisions.length)})`,
      's',
      [seconds],
      '≤ 10',
    ),
  );
}
