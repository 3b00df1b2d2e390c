import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { ProjectQuota } from '../../../manager/common/model/trust/project-quota.js';
import { addUsage, noUsage, usageOf } from '../../../manager/common/model/trust/project-quota.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';
import type { ServiceSnapshot } from '../../../manager/orchestrator/service-snapshot.js';
import type { TaskChange } from '../../../manager/orchestrator/task-change.js';
import { usesQuota } from '../../../manager/store/indexes/project-usage.js';
import { isNodeLost } from '../../../manager/store/slots.js';
import { applyTaskChanges } from '../../helpers/decisions/apply-task-changes.js';
import { describeTaskChanges } from '../../helpers/decisions/describe-task-changes.js';
import { aServiceSnapshot } from '../../helpers/decisions/service-snapshot.js';

const nodes = ['node-1', 'node-2'].map((name) => aNode(name));

interface World {
  readonly service: Service;
  readonly tasks: readonly Task[];
}

function snapshotOf(
  { service, tasks }: World,
  limits: ProjectQuota | undefined,
  now: number,
  alive = nodes,
): ServiceSnapshot {
  const byId = new Map(alive.map((node) => [node.id, node]));
  const used = tasks
    .filter(usesQuota)
    .filter(({ nodeId }) => nodeId === undefined || !isNodeLost(byId.get(nodeId)))
    .reduce((sum, task) => addUsage(sum, usageOf(task.spec)), noUsage);
  const quota = limits === undefined ? {} : { quota: { limits, used } };
  return aServiceSnapshot(service, tasks, { nodes: alive, now, ...quota });
}

/** Decides, applies, and lets machines and scheduler follow, until nothing changes. */
function settle(
  world: World,
  limits: ProjectQuota | undefined,
  from = 1,
): { world: World; most: number } {
  let [state, most] = [world, 0];
  for (let now = from; now < from + 100; now += 1) {
    const changes = reconcile(snapshotOf(state, limits, now)).filter(({ kind }) => kind !== 'wait');
    const next = applyTaskChanges(state, changes, now) ?? state;
    const tasks = next.tasks.map((task) => followed(task, now));
    most = Math.max(most, tasks.filter(({ status }) => status.state === 'running').length);
    if (changes.length === 0 && tasks.every((task, at) => task === next.tasks[at])) {
      return { world: { ...next, tasks }, most };
    }
    state = { ...next, tasks };
  }
  throw new Error('it does not settle');
}

/** One step of allocator, scheduler and worker for a task. */
function followed(task: Task, now: number): Task {
  const { state } = task.status;
  const moved = (to: Task['status']['state']): Task => ({
    ...task,
    status: { ...task.status, state: to, at: now, startedAt: now },
  });
  if (state === 'new') return moved('pending');
  if (state === 'pending') {
    if (task.overQuota === true) return task;
    return { ...moved('assigned'), nodeId: 'node-1' as NodeId };
  }
  if (task.desired === 'shutdown' || task.desired === 'remove') {
    return state === 'running' || state === 'assigned' ? moved('shutdown') : task;
  }
  return state === 'assigned' && task.desired === 'running' ? moved('running') : task;
}

const running = ({ tasks }: World): readonly Task[] =>
  tasks.filter(({ status, desired }) => status.state === 'running' && desired === 'running');
const waiting = ({ tasks }: World): readonly Task[] =>
  tasks.filter(({ overQuota, desired }) => overQuota === true && desired === 'running');

function web(replicas: number, options: object = {}): Service {
  return aService('web', { replicas, ...options });
}

test('tasks over quota are created and wait with the reason; no decision repeats', (t) => {
  const world = { service: web(3), tasks: [] };
  const changes = reconcile(snapshotOf(world, { containers: 2 }, 1));
  t.is(
    describeTaskChanges(changes.filter(({ kind }) => kind === 'create'))
      .split('\n')
      .at(-1),
    'slot 3: new task, running, over quota (quota of project demo is exceeded: containers (requested 1, used 2, limit 2)): the slot is empty',
  );
  const { world: settled } = settle(world, { containers: 2 });
  t.is(running(settled).length, 2);
  t.deepEqual(
    waiting(settled).map(({ explanation }) => explanation?.placed),
    [false],
  );
  t.deepEqual(reconcile(snapshotOf(settled, { containers: 2 }, 50)), []);
});

test('a raised quota, a lifted one and an ended task admit waiting tasks, the oldest first', (t) => {
  const { world } = settle({ service: web(4), tasks: [] }, { containers: 1 });
  t.is(waiting(world).length, 3);
  t.is(running(settle(world, { containers: 3 }, 200).world).length, 3);
  t.is(running(settle(world, undefined, 200).world).length, 4);
  const [first] = running(world);
  const tasks = world.tasks.map((task): Task =>
    task === first ? { ...task, status: { ...task.status, state: 'complete' } } : task,
  );
  const admitted = reconcile(snapshotOf({ ...world, tasks }, { containers: 1 }, 300));
  t.deepEqual(
    admitted.flatMap((change) => (change.kind === 'admit' ? [change.slot] : [])),
    [2],
  );
});

test('a lowered quota stops nothing', (t) => {
  const { world } = settle({ service: web(3), tasks: [] }, undefined);
  const changes = reconcile(snapshotOf(world, { containers: 1 }, 200));
  t.deepEqual(changes, []);
});

for (const order of ['start-first', 'stop-first'] as const) {
  test(`an update with ${order} ends within a full quota, and never exceeds it`, (t) => {
    const update = {
      ...{ parallelism: 1, delayMs: 0, failureAction: 'pause', monitorMs: 0 },
      ...{ maxFailureRatio: 0, order },
    } as const;
    const before = settle({ service: web(3, { update }), tasks: [] }, { containers: 3 }).world;
    t.is(running(before).length, 3);
    const service = web(3, { update, forceUpdate: 1 });
    const { world, most } = settle({ ...before, service }, { containers: 3 }, 200);
    t.is(running(world).length, 3);
    t.true(running(world).every(({ taskHash }) => taskHash === service.taskHash));
    t.is(waiting(world).length, 0);
    t.true(most <= 3, `${most} ran at once`);
  });
}

test('start-first overlaps where the quota has room', (t) => {
  const update = {
    ...{ parallelism: 1, delayMs: 0, failureAction: 'pause', monitorMs: 0 },
    ...{ maxFailureRatio: 0, order: 'start-first' },
  } as const;
  const before = settle({ service: web(2, { update }), tasks: [] }, { containers: 3 }).world;
  const changed = { ...before, service: web(2, { update, forceUpdate: 1 }) };
  const { world, most } = settle(changed, { containers: 3 }, 200);
  t.is(most, 3);
  t.is(running(world).length, 2);
});

test('a task that needs more than the whole quota waits, and its predecessor keeps running', (t) => {
  const update = {
    ...{ parallelism: 1, delayMs: 0, failureAction: 'pause', monitorMs: 0 },
    ...{ maxFailureRatio: 0, order: 'start-first' },
  } as const;
  const limited = (nanoCpus: number): object => ({
    update,
    task: { resources: { limits: { nanoCpus }, reservations: { nanoCpus: 0, memoryBytes: 0 } } },
  });
  const quota = { nanoCpus: 2e9 };
  const before = settle({ service: web(2, limited(1e9)), tasks: [] }, quota).world;
  t.is(running(before).length, 2);
  const { world } = settle({ ...before, service: web(2, limited(3e9)) }, quota, 200);
  t.is(running(world).length, 2);
  t.regex(waiting(world)[0]?.explanation?.summary ?? '', /cpus \(requested 3, used 2, limit 2\)/u);
});

test('tasks of a lost machine give their share to their replacements', (t) => {
  const service = web(2);
  const tasks = [aTask(service, 1, { node: 'node-1' }), aTask(service, 2, { node: 'node-2' })];
  const down = [aNode('node-1', { state: 'down' }), aNode('node-2')];
  const changes = reconcile(snapshotOf({ service, tasks }, { containers: 2 }, 1, down));
  const created = changes.filter(
    (change): change is Extract<TaskChange, { kind: 'create' }> => change.kind === 'create',
  );
  t.deepEqual(
    created.map(({ task }) => [task.slot, task.overQuota]),
    [[1, undefined]],
  );
});

test('a container without a memory limit waits if the project has a memory quota', (t) => {
  const { world } = settle({ service: web(1), tasks: [] }, { memoryBytes: 1e9 });
  t.regex(
    waiting(world)[0]?.explanation?.summary ?? '',
    /limits memory, and the container has no/u,
  );
});
