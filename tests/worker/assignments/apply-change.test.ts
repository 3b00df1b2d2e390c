import test from 'ava';
import fc from 'fast-check';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { isConflict } from '../../../manager/common/base/errors.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import type {
  AssignedTask,
  AssignmentChange,
  AssignmentSet,
} from '../../../manager/common/protocol/assignments.js';
import { applyChange, changesTasks } from '../../../worker/assignments/apply-change.js';

function set(tasks: readonly AssignedTask[]): AssignmentSet {
  return {
    clusterId: 'c',
    nodeId: 'n' as NodeId,
    sequence: 4,
    tasks,
    networks: [],
    endpoints: [],
    volumes: [],
    projects: [],
    files: [],
  };
}

const anyTasks = fc
  .uniqueArray(
    fc.record({ id: fc.integer({ min: 0, max: 15 }), slot: fc.integer({ min: 1, max: 3 }) }),
    { selector: ({ id }) => id },
  )
  .map((items) =>
    items.map(({ id, slot }) => aTask(aService('web'), slot, { id: `t${String(id)}` })),
  );

const sorted = (tasks: readonly AssignedTask[]): readonly AssignedTask[] =>
  [...tasks].sort((a, b) => (a.id < b.id ? -1 : 1));

function difference(from: readonly AssignedTask[], to: readonly AssignedTask[]): AssignmentChange {
  const wanted = new Set(to.map((task) => task.id));
  return {
    sequence: 5,
    upsert: { tasks: to },
    remove: { tasks: from.map((task) => task.id).filter((id) => !wanted.has(id)) },
  };
}

test('applying the difference of two sets to the first yields the second', (t) => {
  fc.assert(
    fc.property(anyTasks, anyTasks, (from, to) => {
      const after = applyChange(set(from), difference(from, to));
      t.deepEqual(sorted(after.tasks), sorted(to));
    }),
  );
});

test('lists that a change does not touch keep their identity', (t) => {
  const before = set([aTask(aService('web'), 1)]);
  const after = applyChange(before, { sequence: 5, upsert: {}, remove: {} });
  t.is(after.tasks, before.tasks);
  t.is(after.endpoints, before.endpoints);
  t.is(after.sequence, 5);
});

test('a change out of sequence is rejected', (t) => {
  for (const sequence of [3, 4, 6]) {
    const error = t.throws(() => applyChange(set([]), { sequence, upsert: {}, remove: {} }));
    t.true(isConflict(error));
  }
});

test('a change of endpoints only does not count as a change of tasks', (t) => {
  t.false(changesTasks({ sequence: 1, upsert: { endpoints: [] }, remove: { endpoints: ['e'] } }));
  t.true(
    changesTasks({ sequence: 1, upsert: {}, remove: { tasks: [aTask(aService('a'), 1).id] } }),
  );
});
