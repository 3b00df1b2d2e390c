import test from 'ava';
import { aNetwork, aNode, aService } from '../../fixtures/cluster/build.js';
import { Allocator } from '../../manager/allocator/allocator.js';
import type { ServiceOptions } from '../../fixtures/cluster/build.js';
import type { NodeId, ServiceId } from '../../manager/common/model/ids.js';
import { Orchestrator } from '../../manager/orchestrator/orchestrator.js';
import { Scheduler } from '../../manager/scheduler/scheduler.js';
import type { ClusterStore, Transaction } from '../../manager/store/store.js';
import { ManualClock } from '../helpers/fakes/manual-clock.js';
import { silentLogger } from '../helpers/fakes/silent-logger.js';
import { openTestStore } from '../helpers/stores/memory-store.js';
import { countingStore, ReadCounter } from './counting-store.js';

const replicas = 10;
const servicesOfNetwork = 5;
const nodeNames = Array.from({ length: 8 }, (_, at) => `node-${String(at)}`);
const roomy = { nanoCpus: 1e15, memoryBytes: 2 ** 50 };

/** The node of a service that no other node may run. */
const edge = 'edge' as NodeId;

function onNetwork(at: number, options: ServiceOptions = {}): ServiceOptions {
  const network = `net-${String(Math.floor(at / servicesOfNetwork))}`;
  const task = { ...options.task, networks: [{ network, aliases: [] }] };
  return { replicas, project: `p${String(at)}`, ...options, task };
}

function create(tx: Transaction, services: number): void {
  for (const name of nodeNames) tx.create('nodes', aNode(name, roomy));
  tx.create('nodes', aNode(edge, { ...roomy, labels: { edge: 'yes' } }));
  for (let at = 0; at < services; at += 1) {
    const name = `net-${String(Math.floor(at / servicesOfNetwork))}`;
    if (at % servicesOfNetwork === 0) tx.create('networks', aNetwork(name));
    const constraint = at === 0 ? '==' : '!=';
    const placement = { constraints: [`node.labels.edge ${constraint} yes`] };
    tx.create('services', aService(`s${String(at)}`, onNetwork(at, { task: { placement } })));
  }
}

/** Single changes; each begins when the one before has no more consequences. */
const changes: Readonly<Record<string, (tx: Transaction) => void>> = {
  'a service has one more replica': (tx) => {
    const service = found(tx.get('services', 's-s1' as ServiceId));
    const mode = { kind: 'replicated', replicas: replicas + 1 } as const;
    tx.put('services', { ...service, spec: { ...service.spec, mode } });
  },
  'a task has failed': (tx) => {
    const [task] = tx.tasksOfService('s-s2' as ServiceId);
    const status = { state: 'failed', at: tx.now, message: 'exit', exitCode: 1 } as const;
    tx.put('tasks', { ...found(task), status });
  },
  'a service is updated': (tx) => {
    const service = found(tx.get('services', 's-s3' as ServiceId));
    tx.put('services', { ...service, forceUpdate: 1, taskHash: 'other' });
  },
  'a label of a node changes': (tx) => {
    const node = found(tx.get('nodes', edge));
    const labels = { ...node.spec.labels, rack: '7' };
    tx.put('nodes', { ...node, spec: { ...node.spec, labels } });
  },
  'a node is down': (tx) => {
    const node = found(tx.get('nodes', edge));
    tx.put('nodes', { ...node, status: { state: 'down', since: tx.now, message: 'cut' } });
  },
};

function found<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the cluster lacks an object of the test');
  return value;
}

type Costs = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Objects that the rooms read after each change, in a cluster of that many services. */
async function costsWith(services: number): Promise<Costs> {
  const clock = new ManualClock();
  const store = await openTestStore(clock);
  const counter = new ReadCounter();
  const parts = { store: countingStore(store, counter), clock, log: silentLogger };
  let ids = 0;
  const newId = (): string => `id-${String((ids += 1)).padStart(8, '0')}`;
  await store.update('restore', (tx) => {
    create(tx, services);
  });
  const rooms = [
    new Orchestrator({ ...parts, newId }),
    new Allocator({ ...parts, randomBelow: (below) => (ids += 1) % below }),
    new Scheduler({ ...parts, strategy: 'spread', seed: 1 }),
  ];
  for (const room of rooms) room.start();
  await idle(counter);
  await runAll(store);
  await idle(counter);
  const costs: Record<string, Readonly<Record<string, number>>> = {};
  for (const [name, change] of Object.entries(changes)) {
    counter.take();
    await store.update('restore', change);
    await idle(counter);
    costs[name] = counter.take();
  }
  await Promise.all(rooms.map((room) => room.stop()));
  await store.close();
  return costs;
}

/** Reports every task as running. */
async function runAll(store: ClusterStore): Promise<void> {
  await store.update('restore', (tx) => {
    for (const task of tx.list('tasks')) {
      const status = { ...task.status, state: 'running', startedAt: 1 } as const;
      tx.put('tasks', { ...task, status });
    }
  });
}

/** Turns of the event loop without a read, after which no room has work left. */
const quietTurns = 20;

async function idle(counter: ReadCounter): Promise<void> {
  let [quiet, last] = [0, -1];
  while (quiet < quietTurns) {
    await new Promise(setImmediate);
    quiet = counter.total === last ? quiet + 1 : 0;
    last = counter.total;
  }
}

test('a change reads as many objects beside 100 tasks as beside 3,000', async (t) => {
  t.timeout(120_000);
  const small = await costsWith(10);
  const large = await costsWith(300);
  for (const [name, cost] of Object.entries(small)) {
    t.deepEqual(large[name], cost, `read after: ${name}`);
    t.not(Object.keys(cost).length, 0, `read after: ${name}`);
  }
});
