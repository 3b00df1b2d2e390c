import test from 'ava';
import fc from 'fast-check';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { applyTaskChanges } from '../../helpers/decisions/apply-task-changes.js';
import { aServiceSnapshot } from '../../helpers/decisions/service-snapshot.js';
import type { NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { Node } from '../../../manager/common/model/node.js';
import { asPreviousSpec } from '../../../manager/common/model/rollback.js';
import type { Service, UpdateStatus } from '../../../manager/common/model/service.js';
import { isWanted } from '../../../manager/store/slots.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { TaskState } from '../../../manager/common/model/task-state.js';
import { isTerminal, taskStates } from '../../../manager/common/model/task-state.js';
import type { TaskChange } from '../../../manager/orchestrator/task-change.js';
import { describeTaskChanges } from '../../helpers/decisions/describe-task-changes.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';

const now = 1_000_000;

interface Cluster {
  readonly service: Service;
  readonly nodes: readonly Node[];
  readonly tasks: readonly Task[];
  readonly open: boolean;
}

const clusters: fc.Arbitrary<Cluster> = fc
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
  .map((generated) => {
    const update =
      generated.order === undefined
        ? {}
        : {
            update: {
              parallelism: 2,
              delayMs: 0,
              failureAction: generated.failureAction as 'pause',
              monitorMs: generated.monitorMs,
              maxFailureRatio: generated.maxFailureRatio,
              order: generated.order as 'stop-first',
            },
          };
    const options = {
      ...update,
      replicas: generated.replicas,
      global: generated.global,
      halted: generated.halted,
      removing: generated.removing,
      task:
        generated.policy === undefined
          ? {}
          : {
              restart: {
                condition: generated.policy as 'any',
                delayMs: 1_000,
                maxAttempts: 2,
                windowMs: 0,
              },
            },
    };
    const changed = aService('web', { ...options, forceUpdate: 1 });
    const previous = aService('web', options);
    const service: Service = {
      ...changed,
      ...asPreviousSpec(previous),
      ...(generated.status === undefined
        ? {}
        : { updateStatus: statusOf(changed, generated.status) }),
    };
    return {
      service,
      open: generated.open,
      nodes: generated.nodes.map((node, index) =>
        aNode(`node-${index}`, {
          state: node.state as 'ready',
          availability: node.availability as 'active',
        }),
      ),
      tasks: generated.tasks.map((task, index) => {
        const placed = task.state !== 'new' && task.state !== 'pending';
        const slot = generated.global ? task.node + 1 : task.slot;
        return aTask(task.outdated ? previous : service, slot, {
          id: `t${String(index).padStart(2, '0')}`,
          desired: task.desired as 'running',
          ...(placed || generated.global ? { node: `node-${task.node}` } : {}),
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
  { age, kind, ...passes }: { age: number; kind: string; state: string; failed: number[] },
): UpdateStatus {
  const failed = passes.failed.sort((a, b) => a - b);
  return {
    ...{ kind: kind as 'change', state: passes.state as 'running', taskHash, failed },
    ...{ startedAt: now - age, message: '' },
  };
}

function decide(cluster: Cluster): readonly TaskChange[] {
  return reconcile(
    aServiceSnapshot(cluster.service, cluster.tasks, {
      nodes: cluster.nodes,
      now,
      gate: { open: cluster.open },
    }),
  );
}

test('reconciling again after the changes are written gives no more changes', (t) => {
  fc.assert(
    fc.property(clusters, (cluster) => {
      // Start-first returns to an older task when the newer one is retired: one more pass per task.
      let passes = cluster.service.spec.update?.order === 'start-first' ? 8 : 1;
      // A rollback takes one more pass, and so do the decisions that follow it.
      passes += 3;
      let next: Cluster | undefined = cluster;
      for (; passes > 0 && next !== undefined; passes -= 1)
        next = applyTaskChanges(next, decide(next), now);
      if (next === undefined) return;
      t.is(describeTaskChanges(decide(next).filter(({ kind }) => kind !== 'wait')), '');
    }),
    { numRuns: 500 },
  );
});

test('changes never concern a task twice or move a desired state back', (t) => {
  const rank = ['ready', 'running', 'complete', 'shutdown', 'remove'];
  fc.assert(
    fc.property(clusters, (cluster) => {
      const seen = new Set<TaskId>();
      for (const change of decide(cluster)) {
        if (change.kind !== 'desire' && change.kind !== 'delete') continue;
        t.false(seen.has(change.taskId));
        seen.add(change.taskId);
        const task = cluster.tasks.find(({ id }) => id === change.taskId);
        t.truthy(task);
        if (change.kind === 'desire' && task !== undefined) {
          t.true(rank.indexOf(change.desired) > rank.indexOf(task.desired));
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('stop-first never starts a task while another of its slot is left on a live node', (t) => {
  fc.assert(
    fc.property(clusters, (cluster) => {
      if (cluster.service.spec.update?.order === 'start-first') return;
      const states = new Map<NodeId | undefined, string>(
        cluster.nodes.map((node) => [node.id, node.status.state]),
      );
      for (const change of decide(cluster)) {
        if (change.kind === 'desire' && change.desired !== 'running') continue;
        if (change.kind !== 'create' && change.kind !== 'desire') continue;
        // A successor is placed and created before it may start.
        if (change.kind === 'create' && change.task.desired === 'ready') continue;
        const [changed, id] =
          change.kind === 'create' ? [change.task.slot, undefined] : [change.slot, change.taskId];
        const alive = cluster.tasks.filter(
          ({ id: other, slot, status, nodeId }) =>
            slot === changed &&
            other !== id &&
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

test('slots 1 to N are each filled once after all ends are confirmed', (t) => {
  fc.assert(
    fc.property(clusters, (first) => {
      const { mode, halted } = first.service.spec;
      if (mode.kind !== 'replicated' || halted || first.service.removing) return;
      let cluster: Cluster | undefined = { ...first, nodes: [...first.nodes, aNode('fit')] };
      for (let turn = 0; turn < 30 && cluster !== undefined; turn += 1) {
        const confirmed: readonly Task[] = cluster.tasks.map((task) => settle(task));
        cluster = applyTaskChanges(
          { ...cluster, tasks: confirmed },
          decide({ ...cluster, tasks: confirmed }),
          now,
        );
      }
      const slots = cluster?.tasks.filter(isWanted).map(({ slot }) => slot) ?? [];
      // Behind a closed gate a start-first successor waits beside the task that fills its slot.
      const filled = first.open ? slots : [...new Set(slots)];
      t.deepEqual(
        filled.sort((a, b) => a - b),
        Array.from({ length: mode.replicas }, (_, index) => index + 1),
      );
    }),
    { numRuns: 1000 },
  );
});

/** Simulates workers that carry out every desired state at once. */
function settle(task: Task): Task {
  if (isTerminal(task.status.state)) return task;
  const placed = task.nodeId ?? ('fit' as NodeId);
  const wanted = task.desired === 'ready' ? 'ready' : 'running';
  const state = isWanted(task) ? wanted : 'shutdown';
  return { ...task, nodeId: placed, status: { ...task.status, state } };
}
