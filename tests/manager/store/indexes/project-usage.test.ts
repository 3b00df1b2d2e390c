import test from 'ava';
import fc from 'fast-check';
import { aService, aTask, aVolume } from '../../../../fixtures/cluster/build.js';
import type { NodeId } from '../../../../manager/common/model/ids.js';
import type { Task } from '../../../../manager/common/model/task.js';
import type { TaskState } from '../../../../manager/common/model/task-state.js';
import { isTerminal } from '../../../../manager/common/model/task-state.js';
import {
  addUsage,
  noUsage,
  usageOf,
} from '../../../../manager/common/model/trust/project-quota.js';
import { ProjectUsageIndex } from '../../../../manager/store/indexes/project-usage.js';

const services = ['shop', 'blog'].map((project) => aService('web', { project }));

const someTask = fc
  .record({
    of: fc.constantFrom(...services),
    id: fc.constantFrom('a', 'b', 'c'),
    state: fc.constantFrom<TaskState>('new', 'pending', 'assigned', 'running', 'failed'),
    node: fc.constantFrom('n1', 'n2'),
    over: fc.boolean(),
    cpus: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ of, id, state, node, over, cpus }): Task => {
    const isPlaced = state !== 'new' && state !== 'pending';
    const task = aTask(of, 1, { id, state, ...(isPlaced ? { node } : {}) });
    const resources = { ...task.spec.resources, limits: { nanoCpus: cpus } };
    const spec = { ...task.spec, resources };
    return { ...task, spec, ...(over && !isPlaced ? { overQuota: true } : {}) };
  });

/** Counts all tasks, as the index must never do. */
function recount(tasks: readonly Task[], project: string): unknown {
  const own = tasks.filter((task) => task.project === project);
  const counted = own.filter((task) => !isTerminal(task.status.state) && task.overQuota !== true);
  const sum = (some: readonly Task[]): object =>
    some.reduce((used, task) => addUsage(used, usageOf(task.spec)), noUsage);
  const nodes = [...new Set(counted.map(({ nodeId }) => nodeId))];
  return {
    total: sum(counted),
    byNode: Object.fromEntries(
      nodes.map((id) => [String(id), sum(counted.filter(({ nodeId }) => nodeId === id))]),
    ),
    waiting: [...new Set(own.filter((each) => each.overQuota === true).map((e) => e.serviceId))],
  };
}

test('the index equals a count of all tasks after any writes, and after their rollback', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(someTask, fc.boolean()), { maxLength: 30 }), (writes) => {
      const index = new ProjectUsageIndex();
      const tasks = new Map<string, Task>();
      const read = (project: string): unknown => ({
        total: index.total(project),
        byNode: Object.fromEntries(
          [...index.byNode(project)].map(([id, usage]) => [String(id), usage]),
        ),
        waiting: index.waitingServices(project),
      });
      for (const [task, isRemoved] of writes) {
        const before = tasks.get(task.id);
        const after = isRemoved ? undefined : task;
        index.changeTask(before, after);
        index.changeTask(after, before);
        index.changeTask(before, after);
        if (after === undefined) tasks.delete(task.id);
        else tasks.set(task.id, after);
        for (const project of ['shop', 'blog']) {
          t.deepEqual(read(project), recount([...tasks.values()], project));
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('named volumes count for their project; a status report costs nothing', (t) => {
  const index = new ProjectUsageIndex();
  const volume = aVolume('data');
  index.changeVolume(undefined, volume);
  index.changeVolume(volume, { ...volume, nodeIds: ['n1' as NodeId] });
  t.is(index.total('demo').volumes, 1);
  const [service] = services;
  if (service === undefined) return;
  const task = aTask(service, 1, { node: 'n1' });
  index.changeTask(undefined, task);
  const counted = index.total('shop');
  index.changeTask(task, { ...task, status: { ...task.status, health: 'healthy' } });
  t.is(index.total('shop'), counted, 'the same object: nothing was computed');
  index.changeVolume(volume, undefined);
  t.is(index.total('demo'), noUsage);
});
