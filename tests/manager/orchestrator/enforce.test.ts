import test from 'ava';
import type { NodeOptions, TaskOptions } from '../../../fixtures/cluster/build.js';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Task } from '../../../manager/common/model/task.js';
import {
  evictionOf,
  ineligibilityCause,
  isForcedOut,
  recreationCause,
} from '../../../manager/orchestrator/enforce.js';
import { aServiceSnapshot } from '../../helpers/decisions/service-snapshot.js';

const nodeWith = (options: NodeOptions, forced = false): Node => {
  const node = aNode('node-1', options);
  return forced ? { ...node, spec: { ...node.spec, forced: true } } : node;
};

test('only a drain with force drives tasks out', (t) => {
  t.true(isForcedOut(nodeWith({ availability: 'drain' }, true)));
  t.false(isForcedOut(nodeWith({ availability: 'drain' })));
  t.false(isForcedOut(nodeWith({ availability: 'pause' }, true)));
  t.false(isForcedOut(undefined));
});

test('a node is eligible if it is not drained and has the labels and platform', (t) => {
  const cause = (options: NodeOptions, constraints: string[] = [], platform?: string) =>
    ineligibilityCause(
      nodeWith(options),
      aService('web', {
        task: { placement: { constraints }, container: platform === undefined ? {} : { platform } },
      }),
    );
  t.is(cause({}), undefined);
  t.is(cause({ availability: 'pause' }), undefined);
  t.is(cause({ availability: 'drain' }), 'node-1 is drained');
  t.is(cause({}, ['node.labels.disk == ssd']), 'node-1 has node.labels.disk != ssd');
  t.is(cause({ labels: { disk: 'ssd' } }, ['node.labels.disk == ssd']), undefined);
  t.is(cause({}, ['nonsense']), undefined);
  t.is(cause({}, [], 'linux/amd64'), undefined);
  t.is(cause({}, [], 'linux/arm64'), 'node-1 is linux/amd64');
});

const db = aService('db');
const side = aService('side', {
  task: { container: { networkMode: { kind: 'service', service: 'db' } } },
});

const leaderWith = (options: TaskOptions): Task => aTask(db, 1, { node: 'node-1', ...options });
const ran = (startedAt: number, state: 'running' | 'failed' | 'complete' = 'running') => ({
  status: { state, startedAt } as const,
});

function leaves(follower: TaskOptions, leader: Task | undefined): string | undefined {
  const task = aTask(side, 1, { node: 'node-1', ...follower });
  const owners = leader === undefined ? [] : [leader];
  return evictionOf(task, aServiceSnapshot(side, [task], { owners }))?.cause;
}

test('a follower leaves when its leader has moved or was restarted after it', (t) => {
  t.is(leaves(ran(5), leaderWith(ran(5))), undefined);
  t.is(leaves(ran(5), undefined), undefined);
  t.is(
    leaves(ran(5), leaderWith({ ...ran(5), node: 'node-2' })),
    'db.1, whose network it shares, is on node-2',
  );
  t.is(leaves(ran(5), leaderWith(ran(6))), 'db.1, whose network it shares, was restarted');
  t.is(leaves({}, leaderWith(ran(6))), undefined);
  t.is(leaves(ran(5), leaderWith({})), undefined);
});

test('the tasks of a forced node leave at once, the others when they do not run', (t) => {
  const web = aService('web');
  const evicted = (state: 'running' | 'starting', forced: boolean) => {
    const task = aTask(web, 1, { node: 'node-1', state });
    const nodes = [nodeWith({ availability: 'drain' }, forced)];
    return evictionOf(task, aServiceSnapshot(web, [task], { nodes }));
  };
  const cause = 'node-1 is drained';
  t.deepEqual(evicted('running', false), { cause, isImmediate: false });
  t.deepEqual(evicted('running', true), { cause, isImmediate: true });
  t.deepEqual(evicted('starting', false), { cause, isImmediate: true });
  const task = aTask(web, 1, { node: 'elsewhere' });
  t.is(evictionOf(task, aServiceSnapshot(web, [task])), undefined);
});

function recreated(follower: TaskOptions, leader: Task): string | undefined {
  const task = aTask(side, 1, { node: 'node-1', ...follower });
  return recreationCause(task, aServiceSnapshot(side, [task], { owners: [leader] }));
}

test('an ended follower is recreated with a new leader, or if it failed with a restarted one', (t) => {
  const created = 'db.1, whose network it shares, was recreated';
  t.is(recreated(ran(5, 'complete'), leaderWith({ ...ran(9), createdAt: 1 })), created);
  t.is(recreated(ran(5, 'complete'), leaderWith(ran(9))), undefined);
  t.is(
    recreated(ran(5, 'failed'), leaderWith(ran(9))),
    'db.1, whose network it shares, was restarted',
  );
  t.is(recreated(ran(5, 'failed'), leaderWith(ran(5))), undefined);
  t.is(recreated(ran(5, 'failed'), leaderWith({ ...ran(9, 'failed'), createdAt: 1 })), undefined);
  const adopting = { ...leaderWith({ ...ran(5), createdAt: 1 }), adopts: 'x' as never };
  t.is(recreated(ran(5, 'failed'), adopting), undefined);
});
