import test from 'ava';
import fc from 'fast-check';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { Decision } from '../../../manager/scheduler/decide.js';
import { decide } from '../../../manager/scheduler/decide.js';
import type { SchedulerInput, Strategy } from '../../../manager/scheduler/input.js';
import { inputOf } from '../../helpers/decisions/scheduler-input.js';

const mib = 2 ** 20;
const strategies = ['spread', 'binpack', 'random'] as const;

interface Scene {
  readonly nodes: readonly Node[];
  readonly tasks: readonly Task[];
  readonly strategy: Strategy;
}

const scenes: fc.Arbitrary<Scene> = fc
  .record({
    nodes: fc.array(
      fc.record({
        memory: fc.integer({ min: 0, max: 2_000 }),
        state: fc.constantFrom('ready', 'ready', 'ready', 'down', 'unknown'),
        availability: fc.constantFrom('active', 'active', 'pause', 'drain'),
        zone: fc.constantFrom('a', 'b', 'c'),
      }),
      { minLength: 1, maxLength: 12 },
    ),
    services: fc.array(
      fc.record({
        memory: fc.integer({ min: 0, max: 600 }),
        replicas: fc.integer({ min: 1, max: 12 }),
        port: fc.option(fc.constantFrom(80, 443), { nil: undefined }),
        range: fc.integer({ min: 0, max: 3 }),
        most: fc.integer({ min: 0, max: 2 }),
        zone: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
        spread: fc.boolean(),
        placed: fc.boolean(),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    strategy: fc.constantFrom(...strategies),
  })
  .map(({ nodes, services, strategy }) => ({
    strategy,
    nodes: nodes.map((node, at) =>
      aNode(`node-${at}`, {
        memoryBytes: node.memory * mib,
        state: node.state as 'ready',
        availability: node.availability as 'active',
        labels: { zone: node.zone },
      }),
    ),
    tasks: services.flatMap((generated, at) => {
      const service = aService(`s${at}`, {
        task: {
          memoryBytes: generated.memory * mib,
          ports:
            generated.port === undefined
              ? []
              : [
                  {
                    target: 80,
                    protocol: 'tcp',
                    published: generated.port,
                    publishedEnd: generated.port + generated.range,
                    mode: 'host',
                  },
                ],
          placement: {
            constraints:
              generated.zone === undefined ? [] : [`node.labels.zone == ${generated.zone}`],
            maxReplicasPerNode: generated.most,
            preferences: generated.spread ? ['node.labels.zone'] : [],
          },
        },
      });
      return Array.from({ length: generated.replicas }, (_, slot) => aTask(service, slot + 1));
    }),
  }));

function inputFor(scene: Scene): SchedulerInput {
  return inputOf({ ...scene, volumes: [], now: 0, seed: 1 });
}

function applied(scene: Scene, decisions: readonly Decision[]): readonly Task[] {
  const byTask = new Map(decisions.map((decision) => [decision.taskId, decision]));
  return scene.tasks.map((task) => {
    const decision = byTask.get(task.id);
    if (decision?.kind !== 'place') return task;
    return {
      ...task,
      nodeId: decision.nodeId,
      spec: { ...task.spec, ports: decision.portSpecs },
      status: { ...task.status, state: 'assigned' as const },
    };
  });
}

test('a decision never exceeds the memory, ports or replica limit of a node', (t) => {
  fc.assert(
    fc.property(scenes, (scene) => {
      const tasks = applied(scene, decide(inputFor(scene)));
      for (const node of scene.nodes) {
        const here = tasks.filter((task) => task.nodeId === node.id);
        if (here.length > 0) t.is(node.status.state, 'ready');
        if (here.length > 0) t.is(node.spec.availability, 'active');
        const memory = here.reduce(
          (sum, { spec }) => sum + spec.resources.reservations.memoryBytes,
          0,
        );
        t.true(memory <= node.description.memoryBytes);
        const ports = here.flatMap(({ spec }) => spec.ports.map((port) => port.published));
        t.is(new Set(ports).size, ports.length);
        for (const task of here) {
          const most = task.spec.placement.maxReplicasPerNode;
          const own = here.filter(({ serviceId }) => serviceId === task.serviceId).length;
          t.true(most === 0 || own <= most);
          const [zone] = task.spec.placement.constraints;
          if (zone !== undefined) t.is(zone, `node.labels.zone == ${node.spec.labels.zone ?? ''}`);
        }
      }
    }),
    { numRuns: 150 },
  );
});

test('a postponed task cannot be placed by deciding again', (t) => {
  fc.assert(
    fc.property(scenes, (scene) => {
      const tasks = applied(scene, decide(inputFor(scene)));
      const again = decide(inputFor({ ...scene, tasks }));
      t.true(again.every((decision) => decision.kind === 'postpone'));
      t.true(again.every(({ explanation: words }) => words.summary !== ''));
    }),
    { numRuns: 150 },
  );
});

test('decisions do not depend on the order of nodes and tasks in the snapshot', (t) => {
  fc.assert(
    fc.property(scenes, fc.integer(), (scene, seed) => {
      const shuffled = {
        ...scene,
        nodes: shuffle(scene.nodes, seed),
        tasks: shuffle(scene.tasks, seed + 1),
      };
      t.deepEqual(decide(inputFor(shuffled)), decide(inputFor(scene)));
    }),
    { numRuns: 100 },
  );
});

function shuffle<Item>(items: readonly Item[], seed: number): readonly Item[] {
  return items
    .map((item, at) => ({ item, key: Math.imul(at + 1, seed | 1) >>> 7 }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
