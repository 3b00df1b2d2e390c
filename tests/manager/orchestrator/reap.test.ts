import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { MountSpec } from '../../../manager/common/model/container.js';
import { reap } from '../../../manager/orchestrator/reap.js';
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
