import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
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
