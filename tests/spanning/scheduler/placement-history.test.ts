import test from 'ava';
import fc from 'fast-check';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { MountSpec } from '../../../manager/common/model/container.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Task } from '../../../manager/common/model/task.js';
import { CandidateCache } from '../../../manager/scheduler/candidates.js';
import { decide } from '../../../manager/scheduler/decide.js';
import type { SchedulerInput } from '../../../manager/scheduler/input.js';
import { inputOf } from '../../helpers/decisions/scheduler-input.js';
import { PlacementIndex } from '../../../manager/store/indexes/placement-index.js';

const nodes = ['a', 'b', 'c', 'd'].map((id) => aNode(id, { memoryBytes: 1_000, nanoCpus: 10 }));

const anonymous: MountSpec = { type: 'volume', target: '/data', readOnly: false, noCopy: false };

const services = [
  aService('web', { task: { memoryBytes: 300, nanoCpus: 1 } }),
  aService('port', {
    task: { ports: [{ target: 80, protocol: 'tcp', published: 80, mode: 'host' }] },
  }),
  aService('db', { task: { memoryBytes: 100, container: { mounts: [anonymous] } } }),
  aService('side', {
    task: { container: { networkMode: { kind: 'service', service: 'web' } } },
  }),
] as const;

/** One task record at one time; equal ids replace each other. */
const records: fc.Arbitrary<Task> = fc
  .record({
    service: fc.constantFrom(...services),
    slot: fc.integer({ min: 1, max: 3 }),
    attempt: fc.integer({ min: 1, max: 2 }),
    node: fc.option(fc.constantFrom('a', 'b', 'c', 'gone'), { nil: undefined }),
    state: fc.constantFrom('pending', 'assigned', 'running', 'failed', 'rejected', 'shutdown'),
    desired: fc.constantFrom('running', 'running', 'ready', 'shutdown', 'remove'),
    at: fc.constantFrom(0, 250_000),
    isOverQuota: fc.boolean(),
  })
  .map(({ service, slot, attempt, node, state, desired, at, isOverQuota }) =>
    aTask(service, slot, {
      id: `${service.spec.service}.${String(slot)}.${String(attempt)}`,
      ...(node === undefined ? {} : { node }),
      desired: desired as 'running',
      createdAt: attempt,
      ...(node === undefined && isOverQuota ? { overQuota: true } : {}),
      status: { state: node === undefined ? 'pending' : state, at },
    }),
  );

const histories = fc.array(fc.record({ task: records, isRemoval: fc.boolean() }), {
  maxLength: 60,
});

/** Applies a history as the store does; `undone` changes are reverted, as after a failed write. */
function played(
  history: readonly { readonly task: Task; readonly isRemoval: boolean }[],
  undone: number,
): { readonly placement: PlacementIndex; readonly tasks: readonly Task[] } {
  const tasks = new Map<string, Task>();
  const placement = new PlacementIndex((id) => tasks.get(id));
  const changes: [Task | undefined, Task | undefined][] = [];
  for (const { task, isRemoval } of history) {
    const before = tasks.get(task.id);
    const after = isRemoval ? undefined : task;
    placement.change(before, after);
    changes.push([before, after]);
    if (after === undefined) tasks.delete(task.id);
    else tasks.set(task.id, after);
  }
  for (const [before, after] of changes.slice(changes.length - undone).reverse()) {
    placement.change(after, before);
    const id = (before ?? after)?.id ?? '';
    if (before === undefined) tasks.delete(id);
    else tasks.set(id, before);
  }
  const sorted = [...tasks.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return { placement, tasks: sorted };
}

test('a decision after any history of changes equals the decision from all tasks', (t) => {
  fc.assert(
    fc.property(
      histories,
      fc.nat({ max: 20 }),
      fc.constantFrom('spread', 'binpack', 'random'),
      (history, undone, strategy) => {
        const { placement, tasks } = played(history, Math.min(undone, history.length));
        const common = { nodes, now: 400_000, strategy, seed: 3 } as const;
        const input: SchedulerInput = {
          ...common,
          placement,
          volumeByName: () => undefined,
          tasksOfNode: () => [],
        };
        t.deepEqual(decide(input), decide(inputOf({ ...common, tasks, volumes: [] })));
      },
    ),
    { numRuns: 300 },
  );
});

test('a decision leaves the facts about tasks as they were', (t) => {
  fc.assert(
    fc.property(histories, (history) => {
      const { placement, tasks } = played(history, 0);
      const input = { nodes, now: 0, strategy: 'spread', seed: 1 } as const;
      const first = decide({
        ...input,
        placement,
        volumeByName: () => undefined,
        tasksOfNode: () => [],
      });
      t.deepEqual(
        decide({ ...input, placement, volumeByName: () => undefined, tasksOfNode: () => [] }),
        first,
      );
      t.deepEqual(decide(inputOf({ ...input, tasks, volumes: [] })), first);
    }),
    { numRuns: 100 },
  );
});

test('a decision with candidates kept from earlier ones equals one that reads all nodes', (t) => {
  const drained = fc.subarray(['a', 'b', 'c', 'd']);
  const steps = fc.array(fc.record({ task: records, isRemoval: fc.boolean() }), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(steps, fc.option(drained, { nil: undefined })), { maxLength: 12 }),
      fc.constantFrom('spread', 'binpack', 'random'),
      (rounds, strategy) => {
        const tasks = new Map<string, Task>();
        const placement = new PlacementIndex((id) => tasks.get(id));
        const candidates = new CandidateCache();
        let present: readonly Node[] = nodes;
        for (const [at, [changes, drain]] of rounds.entries()) {
          for (const { task, isRemoval } of changes) {
            placement.change(tasks.get(task.id), isRemoval ? undefined : task);
            if (isRemoval) tasks.delete(task.id);
            else tasks.set(task.id, task);
          }
          if (drain !== undefined) present = withDrained(drain);
          const input = {
            nodes: present,
            placement,
            volumeByName: () => undefined,
            tasksOfNode: () => [],
          };
          // Failures count for 300,000 ms.
          const common = { ...input, now: at * 100_000, strategy, seed: at } as const;
          t.deepEqual(decide({ ...common, candidates }), decide(common));
        }
      },
    ),
    { numRuns: 200 },
  );
});

function withDrained(names: readonly string[]): readonly Node[] {
  return nodes.map((node) => ({
    ...node,
    spec: { ...node.spec, availability: names.includes(node.id) ? 'drain' : 'active' },
  }));
}
