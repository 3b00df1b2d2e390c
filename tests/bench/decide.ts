import { performance } from 'node:perf_hooks';
import { aNode, aService, aTask } from '../../fixtures/cluster/build.js';
import { evaluateStartGate } from '../../manager/orchestrator/start-gate.js';
import { reconcile } from '../../manager/orchestrator/reconcile.js';
import type { Service } from '../../manager/common/model/service.js';
import type { Task } from '../../manager/common/model/task.js';
import { decide } from '../../manager/scheduler/decide.js';
import type { SchedulerInput, Strategy } from '../../manager/scheduler/input.js';
import { inputOf } from '../helpers/decisions/scheduler-input.js';

/**
 * Measures placement and reconciliation in a very large cluster: `node dist/tests/bench/decide.js`.
 */
const nodeCount = 1_000;
const taskCount = 10_000;

const nodes = Array.from({ length: nodeCount }, (_, at) =>
  aNode(`node-${String(at).padStart(4, '0')}`, {
    labels: { zone: `zone-${at % 5}`, disk: at % 3 === 0 ? 'ssd' : 'hdd' },
    memoryBytes: 64 * 2 ** 30,
    nanoCpus: 32e9,
  }),
);

function pendingTasks(services: number): readonly Task[] {
  const each = taskCount / services;
  return Array.from({ length: services }, (_, at) => {
    const service = serviceOf(at, each);
    return Array.from({ length: each }, (_slot, slot) => aTask(service, slot + 1));
  }).flat();
}

function serviceOf(at: number, replicas: number): Service {
  return aService(`s${String(at).padStart(5, '0')}`, {
    replicas,
    task: {
      memoryBytes: 256 * 2 ** 20,
      nanoCpus: 1e8,
      placement: at % 2 === 0 ? {} : { constraints: ['node.labels.disk == ssd'] },
    },
  });
}

function input(tasks: readonly Task[], strategy: Strategy): SchedulerInput {
  return inputOf({ nodes, tasks, volumes: [], now: 0, strategy, seed: 1 });
}

function measure(name: string, run: () => number): void {
  const times: number[] = [];
  let result = 0;
  for (let round = 0; round < 5; round += 1) {
    const began = performance.now();
    result = run();
    times.push(performance.now() - began);
  }
  const median = times.sort((a, b) => a - b)[2] ?? 0;
  console.log(`${name.padEnd(58)} ${median.toFixed(0).padStart(6)} ms  ${result}`);
}

function placed(tasks: readonly Task[], strategy: Strategy): number {
  const decisions = decide(input(tasks, strategy));
  return decisions.filter((decision) => decision.kind === 'place').length;
}

for (const services of [1, 100, 1_000, 10_000]) {
  const tasks = pendingTasks(services);
  measure(`decide: ${taskCount} tasks of ${services} services on ${nodeCount} nodes`, () =>
    placed(tasks, 'spread'),
  );
}
const tasks = pendingTasks(100);
measure('decide: the same of 100 services, binpack', () => placed(tasks, 'binpack'));
measure('decide: the same of 100 services, random', () => placed(tasks, 'random'));

const impossible = Array.from({ length: 1_000 }, (_, at) =>
  aTask(aService(`huge${at}`, { task: { memoryBytes: 2 ** 50 } }), 1),
);
measure('decide: 1000 services that fit nowhere', () => decide(input(impossible, 'spread')).length);

const big = serviceOf(0, taskCount);
const running = Array.from({ length: taskCount }, (_, at) =>
  aTask(big, at + 1, { node: `node-${String(at % nodeCount).padStart(4, '0')}` }),
);
const more = aTask(big, taskCount + 1);
measure(`decide: one more beside ${taskCount} running`, () => placed([...running, more], 'spread'));
measure(`reconcile: one service with ${taskCount} running`, () => {
  const gate = evaluateStartGate(big, () => undefined);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const input = {
    service: big,
    nodes: byId,
    now: 0,
    gate,
    leaders: [],
    hasFollowers: false,
    awaitsDependents: false,
  };
  return reconcile({ ...input, tasks: running }).length;
});
