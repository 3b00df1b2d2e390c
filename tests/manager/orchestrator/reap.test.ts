import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { MountSpec } from '../../../manager/common/model/container.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { Task, TaskStatus } from '../../../manager/common/model/task.js';
import { reap, removeTask } from '../../../manager/orchestrator/reap.js';
import { describeTaskChanges } from '../../helpers/decisions/describe-task-changes.js';
import { aServiceSnapshot } from '../../helpers/decisions/service-snapshot.js';

const unnamed: MountSpec = { type: 'volume', target: '/data', readOnly: false, noCopy: false };

/** Ids of the tasks that are deleted in a slot whose later attempts were all rejected. */
function deletedOf(mounts: readonly MountSpec[], attempts: number): readonly string[] {
  const service = aService('db', { task: { container: { mounts } } });
  const used = aTask(service, 1, {
    ...{ id: 't0', node: 'node-1', state: 'shutdown', desired: 'shutdown' },
    status: { containerId: 'c0', startedAt: 1 },
  });
  const rejected = Array.from({ length: attempts }, (_, at) =>
    aTask(service, 1, {
      ...{ id: `t${at + 1}`, node: 'node-1', createdAt: at + 1 },
      ...{ state: 'rejected', desired: 'shutdown' },
    }),
  );
  const changes = reap(aServiceSnapshot(service, [used, ...rejected]), new Set([1]), {
    ending: new Set(),
    surplusCause: '',
  });
  return changes.flatMap((change) => (change.kind === 'delete' ? [change.taskId] : []));
}

test('the history of a slot keeps the two newest ended tasks', (t) => {
  t.deepEqual(deletedOf([], 3), ['t1', 't0']);
});

test('the container with anonymous volumes outlives the history until another has them', (t) => {
  t.deepEqual(deletedOf([unnamed], 3), ['t1']);
  t.deepEqual(deletedOf([unnamed], 5), ['t3', 't2', 't1']);
});

test('a global service keeps the container with anonymous volumes on a drained node', (t) => {
  const changesOn = (mounts: readonly MountSpec[], availability: 'drain' | 'active') => {
    const service = aService('db', { global: true, task: { container: { mounts } } });
    const task = aTask(service, 1, {
      ...{ id: 't0', node: 'node-1' },
      status: { containerId: 'c0', startedAt: 1 },
    });
    const stopped = { ...task, desired: 'shutdown' as const };
    const ended = { ...stopped, status: { ...task.status, state: 'shutdown' as const } };
    const nodes = [aNode('node-1', { availability })];
    return [task, stopped, ended].map((each) => {
      const [change] = reap(aServiceSnapshot(service, [each], { nodes }), new Set(), {
        ending: new Set(),
        surplusCause: '',
      });
      return change?.kind === 'desire' ? change.desired : (change?.kind ?? 'kept');
    });
  };
  t.deepEqual(changesOn([unnamed], 'drain'), ['shutdown', 'kept', 'kept']);
  t.deepEqual(changesOn([], 'drain'), ['remove', 'remove', 'delete']);
  t.deepEqual(changesOn([unnamed], 'active'), ['remove', 'remove', 'delete']);
});

const web = aService('web');
const nodes = [aNode('node-1'), aNode('node-2', { state: 'down' })];

interface Described {
  readonly id: string;
  readonly state: TaskStatus['state'];
  readonly desired?: Task['desired'];
  readonly node?: string;
  readonly at?: number;
}

const task = ({ id, state, desired = 'running', node = 'node-1', at = 0 }: Described): Task =>
  aTask(web, 1, { id, state, desired, node, createdAt: at });

function remove(described: Omit<Described, 'id'>): string {
  const removed = task({ id: 'web', ...described });
  return describeTaskChanges(removeTask(removed, aServiceSnapshot(web, [removed], { nodes }), 'x'));
}

function reaped(tasks: readonly Task[], ending: readonly string[] = [], slots = [1]): string {
  const options = { ending: new Set(ending as TaskId[]), surplusCause: 'surplus' };
  const snapshot = aServiceSnapshot(web, tasks, { nodes });
  return describeTaskChanges(reap(snapshot, new Set(slots), options));
}

test('a task that cannot run any more is deleted, a running one stops first', (t) => {
  for (const state of ['new', 'pending', 'complete', 'failed', 'shutdown'] as const)
    t.is(remove({ state }), 'slot 1: forget web: x');
  t.is(remove({ state: 'running' }), 'slot 1: web to remove: x');
  t.is(remove({ state: 'running', desired: 'remove' }), '');
});

test('a task on a lost node is deleted and its addresses stay fenced', (t) => {
  const lost = task({ id: 'web', state: 'running', node: 'node-2' });
  const changes = removeTask(lost, aServiceSnapshot(web, [lost], { nodes }), 'x');
  t.like(changes[0], { kind: 'delete', fence: true });
  const ended = task({ id: 'web', state: 'failed', node: 'node-2' });
  const other = removeTask(ended, aServiceSnapshot(web, [ended], { nodes }), 'x');
  t.like(other[0], { kind: 'delete', fence: false });
});

test('every task of a slot that is not wanted is removed', (t) => {
  const tasks = [task({ id: 'a', state: 'running', at: 2 }), task({ id: 'b', state: 'failed' })];
  t.is(reaped(tasks, [], [2]), 'slot 1: a to remove: surplus\nslot 1: forget b: surplus');
});

const failed = (id: string, at: number, desired: Task['desired'] = 'shutdown'): Task =>
  task({ id, state: 'failed', desired, at });

test('two ended tasks of a slot are kept', (t) => {
  const current = task({ id: 'now', state: 'running', at: 9 });
  const history = [failed('a', 3), failed('b', 2), failed('c', 1)];
  t.is(reaped([current, ...history.slice(0, 2)]), '');
  t.is(reaped([current, ...history]), 'slot 1: forget c: the history limit is reached');
});

test('a task that another change shuts down counts as history', (t) => {
  const ending = failed('now', 9, 'running');
  const history = [failed('a', 3), failed('b', 2)];
  t.is(reaped([ending, ...history]), '');
  t.is(reaped([ending, ...history], ['now']), 'slot 1: forget b: the history limit is reached');
});

test('a replaced task is deleted once its successor runs in another container', (t) => {
  const old = task({ id: 'old', state: 'shutdown', desired: 'shutdown' });
  const next = (changes: Partial<Described>): Task =>
    task({ id: 'next', state: 'running', at: 5, ...changes });
  t.is(reaped([next({}), old]), 'slot 1: forget old: it was replaced');
  t.is(reaped([next({ state: 'starting' }), old]), '');
  t.is(reaped([{ ...next({}), adopts: old.id }, old]), '');
  t.is(reaped([next({}), { ...old, status: { ...old.status, state: 'failed' } }]), '');
  t.is(reaped([old]), '');
});

test('a task to be removed goes when it has ended, an unassigned one at once', (t) => {
  t.is(
    reaped([task({ id: 'a', state: 'failed', desired: 'remove' })]),
    'slot 1: forget a: it has ended',
  );
  t.is(reaped([task({ id: 'a', state: 'running', desired: 'remove' })]), '');
  for (const state of ['new', 'pending'] as const)
    t.is(
      reaped([task({ id: 'a', state, desired: 'shutdown' })]),
      'slot 1: forget a: it was never assigned',
    );
  t.is(reaped([task({ id: 'a', state: 'pending' })]), '');
});
