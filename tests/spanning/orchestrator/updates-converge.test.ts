import test from 'ava';
import { aNode, aService, aVolume } from '../../../fixtures/cluster/build.js';
import type { ServiceOptions } from '../../../fixtures/cluster/build.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { VirtualCluster } from '../../helpers/decisions/virtual-cluster.js';
import {
  heldTasks,
  runUntilSettled,
  servingTasks,
} from '../../helpers/decisions/virtual-cluster.js';

const gib = 2 ** 30;

interface Combination {
  readonly mode: 'replicated' | 'global';
  readonly order: 'start-first' | 'stop-first' | 'none';
  readonly limit: number;
  readonly port: boolean;
  readonly volume: boolean;
  readonly memory: number;
  readonly nodes: number;
  readonly replicas: number;
}

/** Every combination of the values, in order. */
function combine<Value>(choices: readonly (readonly Value[])[]): readonly (readonly Value[])[] {
  return choices.reduce<readonly (readonly Value[])[]>(
    (rows, values) => rows.flatMap((row) => values.map((value) => [...row, value])),
    [[]],
  );
}

function combinations(): readonly Combination[] {
  const counts = combine([
    [0, 1],
    [0, 5 * gib],
    [1, 2, 3],
    [1, 2, 3],
  ]);
  const flags = combine([
    [false, true],
    [false, true],
  ]);
  const modes = ['replicated', 'global'] as const;
  const orders = ['start-first', 'stop-first', 'none'] as const;
  return modes
    .flatMap((mode) => orders.map((order) => ({ mode, order })))
    .flatMap((each) => flags.map(([port = false, volume = false]) => ({ ...each, port, volume })))
    .flatMap((each) =>
      counts.map(([limit = 0, memory = 0, nodes = 1, replicas = 1]) => ({
        ...each,
        ...{ limit, memory, nodes, replicas },
      })),
    )
    .filter(({ mode, replicas }) => mode === 'replicated' || replicas === 1);
}

function serviceOf(each: Combination, forceUpdate: number): Service {
  const update = {
    parallelism: 1,
    delayMs: 0,
    failureAction: 'pause',
    monitorMs: 2_000,
    maxFailureRatio: 0,
  } as const;
  const options: ServiceOptions = {
    global: each.mode === 'global',
    replicas: each.replicas,
    forceUpdate,
    ...(each.order === 'none' ? {} : { update: { ...update, order: each.order } }),
    task: {
      memoryBytes: each.memory,
      placement: { maxReplicasPerNode: each.limit },
      ports: each.port ? [{ target: 80, published: 80, protocol: 'tcp', mode: 'host' }] : [],
      container: {
        mounts: each.volume
          ? [{ type: 'volume', source: 'data', target: '/data', readOnly: false, noCopy: false }]
          : [],
      },
    },
  };
  return aService('web', options);
}

const describe = (each: Combination): string => JSON.stringify(each);

/** Resources are never used twice, and without start-first no slot runs two tasks. */
function checkTurn(cluster: VirtualCluster, each: Combination): string | undefined {
  for (const { id } of cluster.nodes) {
    const held = heldTasks(cluster, id);
    if (each.port && held.length > 1) return `${id}: port used twice`;
    if (each.memory * held.length > 8 * gib) return `${id}: memory exceeded`;
    if (each.limit > 0 && held.length > each.limit) return `${id}: too many replicas`;
  }
  if (each.order === 'start-first') return undefined;
  const running = cluster.tasks.filter(({ status }) => status.state === 'running');
  const slots = new Set(running.map(({ slot }) => slot));
  return slots.size < running.length ? 'two tasks of a slot run' : undefined;
}

test('an update finishes for every mode, order, limit, port, volume and size of the cluster', (t) => {
  const all = combinations();
  for (const each of all) {
    const violations = new Set<string>();
    const check = (cluster: VirtualCluster): void => {
      const violation = checkTurn(cluster, each);
      if (violation !== undefined) violations.add(violation);
    };
    const before = runUntilSettled(
      {
        service: serviceOf(each, 0),
        nodes: Array.from({ length: each.nodes }, (_, at) => aNode(`node-${at + 1}`)),
        tasks: [],
        volumes: each.volume ? [aVolume('data', [])] : [],
      },
      check,
    );
    const started = servingTasks(before).length;
    t.true(started > 0, `nothing runs: ${describe(each)}`);
    const updated = serviceOf(each, 1);
    const { previousSpec: _none, ...service } = { ...before.service, ...updated };
    const after = runUntilSettled({ ...before, service }, check);
    const serving = servingTasks(after);
    const context = `${describe(each)}\n${after.tasks
      .map(
        (task) =>
          `${task.id} ${task.desired} ${task.status.state} ${task.explanation?.summary ?? ''}`,
      )
      .join('\n')}`;
    t.deepEqual([...violations], [], context);
    t.is(serving.length, started, `as many tasks as before: ${context}`);
    t.true(
      serving.every(({ taskHash }) => taskHash === updated.taskHash),
      `outdated: ${context}`,
    );
    const isComplete = each.mode === 'global' || started === each.replicas;
    if (isComplete) t.is(after.service.updateStatus?.state, 'completed', context);
  }
  t.log(`${all.length} combinations`);
});
