import test from 'ava';
import fc from 'fast-check';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { applied } from '../../helpers/applied.js';
import { aScene } from '../../helpers/scene.js';
import type { NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { Node } from '../../../manager/common/model/node.js';
import { asFormer } from '../../../manager/common/model/rollback.js';
import type { Service, UpdateStatus } from '../../../manager/common/model/service.js';
import { isWanted } from '../../../manager/store/slots.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { TaskState } from '../../../manager/common/model/task-state.js';
import { isTerminal, taskStates } from '../../../manager/common/model/task-state.js';
import type { TaskChange } from '../../../manager/orchestrator/change.js';
import { describe } from '../../../manager/orchestrator/change.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';

const now = 1_000_000;

interface Scene {
  readonly service: Service;
  readonly nodes: readonly Node[];
  readonly tasks: readonly Task[];
  readonly open: boolean;
}

const scenes: fc.Arbitrary<Scene> = fc
  .record({
    global: fc.boolean(),
    replicas: fc.integer({ min: 0, max: 5 }),
    halted: fc.boolean(),
    removing: fc.boolean(),
    open: fc.boolean(),
    policy: fc.option(fc.constantFrom('none', 'on-failure', 'any'), { nil: undefined }),
    order: fc.option(fc.constantFrom('stop-first', 'start-first'), { nil: undefined }),
    failureAction: fc.constantFrom('pause', 'continue', 'rollback'),
    monitorMs: fc.constantFrom(0, 5_000),
    maxFailureRatio: fc.constantFrom(0, 0.5),
    status: fc.option(
      fc.record({
        kind: fc.constantFrom('change', 'roll', 'rollback'),
        state: fc.constantFrom('running', 'paused', 'completed'),
        age: fc.integer({ min: 0, max: 120_000 }),
        failed: fc.uniqueArray(fc.integer({ min: 1, max: 5 })),
      }),
      { nil: undefined },
    ),
    nodes: fc.array(
      fc.record({
        state: fc.constantFrom('ready', 'ready', 'down', 'unknown'),
        availability: fc.constantFrom('active', 'active', 'pause', 'drain'),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    tasks: fc.array(
      fc.record({
        slot: fc.integer({ min: 1, max: 6 }),
        node: fc.integer({ min: 0, max: 4 }),
        state: fc.constantFrom<TaskState>(...taskStates),
        desired: fc.constantFrom('ready', 'running', 'shutdown', 'remove'),
        outdated: fc.boolean(),
        ran: fc.boolean(),
        age: fc.integer({ min: 0, max: 120_000 }),
        refused: fc.integer({ min: 0, max: 3 }),
      }),
      { maxLength: 12 },
    ),
  })
  .map((wish) => {
    const update =
      wish.order === undefined
        ? {}
        : {
            update: {
              parallelism: 2,
              delayMs: 0,
              failureAction: wish.failureAction as 'pause',
              monitorMs: wish.monitorMs,
              maxFailureRatio: wish.maxFailureRatio,
              order: wish.order as 'stop-first',
            },
          };
    const options = {
      ...update,
      replicas: wish.replicas,
      global: wish.global,
      halted: wish.halted,
      removing: wish.removing,
      task:
        wish.policy === undefined
          ? {}
          : {
              restart: {
                condition: wish.policy as 'any',
                delayMs: 1_000,
                maxAttempts: 2,
                windowMs: 0,
              },
            },
    };
    const changed = aService('web', { ...options, forceUpdate: 1 });
    const earlier = aService('web', options);
    const service: Service = {
      ...changed,
      ...asFormer(earlier),
      ...(wish.status === undefined ? {} : { updateStatus: statusOf(changed, wish.status) }),
    };
    return {
      service,
      open: wish.open,
      nodes: wish.nodes.map((node, at) =>
        aNode(`node-${at}`, {
          state: node.state as 'ready',
          availability: node.availability as 'active',
        }),
      ),
      tasks: wish.tasks.map((task, at) => {
        const placed = task.state !== 'new' && task.state !== 'pending';
        const slot = wish.global ? task.node + 1 : task.slot;
        return aTask(task.outdated ? earlier : service, slot, {
          id: `t${String(at).padStart(2, '0')}`,
          desired: task.desired as 'running',
          ...(placed || wish.global ? { node: `node-${task.node}` } : {}),
          createdAt: now - task.age,
          updatedAt: now - task.age,
          attempts: { refused: task.refused, restarted: 0 },
          status: {
            state: task.state,
            at: now - task.age,
            containerId: 'c',
            ...(task.ran ? { startedAt: now - task.age, exitCode: 1 } : {}),
          },
        });
      }),
    };
  });

function statusOf(
  { taskHash }: Service,
  { age, kind, ...rest }: { age: number; kind: string; state: string; failed: number[] },
): UpdateStatus {
  const failed = rest.failed.sort((a, b) => a - b);
  return {
    ...{ kind: kind as 'change', state: rest.state as 'running', taskHash, failed },
    ...{ startedAt: now - age, message: '' },
  };
}

function decide(scene: Scene): readonly TaskChange[] {
  return reconcile(
    aScene(scene.service, scene.tasks, {
      nodes: scene.nodes,
      now,
      gate: { open: scene.open },
    }),
  );
}

test('deciding, writing and deciding again gives nothing more', (t) => {
  fc.assert(
    fc.property(scenes, (scene) => {
      // Start-first goes back to the one before when the newer one is given up: a look more for each.
      let rest = scene.service.spec.update?.order === 'start-first' ? 8 : 1;
      // Going back is a look more, and so is what it finds.
      rest += 3;
      let next: Scene | undefined = scene;
      for (; rest > 0 && next !== undefined; rest -= 1) next = applied(next, decide(next), now);
      if (next === undefined) return;
      t.is(describe(decide(next).filter(({ kind }) => kind !== 'wait')), '');
    }),
    { numRuns: 500 },
  );
});

test('no change asks for a task twice, or moves a desired state back', (t) => {
  const rank = ['ready', 'running', 'complete', 'shutdown', 'remove'];
  fc.assert(
    fc.property(scenes, (scene) => {
      const seen = new Set<TaskId>();
      for (const change of decide(scene)) {
        if (change.kind !== 'desire' && change.kind !== 'delete') continue;
        t.false(seen.has(change.taskId));
        seen.add(change.taskId);
        const task = scene.tasks.find(({ id }) => id === change.taskId);
        t.truthy(task);
        if (change.kind === 'desire' && task !== undefined) {
          t.true(rank.indexOf(change.desired) > rank.indexOf(task.desired));
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('a slot gets a new task only when nothing on a living node is left in it', (t) => {
  fc.assert(
    fc.property(scenes, (scene) => {
      if (scene.service.spec.update?.order === 'start-first') return;
      const states = new Map<NodeId | undefined, string>(
        scene.nodes.map((node) => [node.id, node.status.state]),
      );
      for (const change of decide(scene)) {
        if (change.kind !== 'create') continue;
        const alive = scene.tasks.filter(
          ({ slot, status, nodeId }) =>
            slot === change.task.slot &&
            !isTerminal(status.state) &&
            status.state !== 'new' &&
            status.state !== 'pending' &&
            (states.get(nodeId) ?? 'down') !== 'down',
        );
        t.deepEqual(alive, []);
      }
    }),
    { numRuns: 500 },
  );
});

test('when all ends are confirmed the slots 1 to N are filled, once each', (t) => {
  fc.assert(
    fc.property(scenes, (first) => {
      const { mode, halted } = first.service.spec;
      if (mode.kind !== 'replicated' || halted || first.service.removing) return;
      let scene: Scene | undefined = { ...first, nodes: [...first.nodes, aNode('fit')] };
      for (let turn = 0; turn < 30 && scene !== undefined; turn += 1) {
        const confirmed: readonly Task[] = scene.tasks.map((task) => settle(task));
        scene = applied(
          { ...scene, tasks: confirmed },
          decide({ ...scene, tasks: confirmed }),
          now,
        );
      }
      const filled = scene?.tasks.filter(isWanted).map(({ slot }) => slot) ?? [];
      t.deepEqual(
        filled.sort((a, b) => a - b),
        Array.from({ length: mode.replicas }, (_, at) => at + 1),
      );
    }),
    { numRuns: 200 },
  );
});

/** Every worker does at once what it is told. */
function settle(task: Task): Task {
  if (isTerminal(task.status.state)) return task;
  const placed = task.nodeId ?? ('fit' as NodeId);
  const state = isWanted(task) ? 'running' : 'shutdown';
  return { ...task, nodeId: placed, status: { ...task.status, state } };
}
