import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { emptyWatchedState } from '../../../cli/client/watched.js';
import type { WatchedState } from '../../../cli/client/watched.js';
import type { WaitStatus } from '../../../cli/rollout/follow/wait-status.js';
import { evaluateUp } from '../../../cli/rollout/follow/up-state.js';
import type { Service, UpdateStatus } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';

const update = {
  parallelism: 1,
  delayMs: 0,
  failureAction: 'rollback',
  monitorMs: 5_000,
  maxFailureRatio: 0,
  order: 'stop-first',
} as const;

function web(status?: Partial<UpdateStatus>): Service {
  const service = aService('web', { replicas: 2, update });
  const { taskHash } = service;
  const base = { kind: 'change', state: 'running', taskHash, startedAt: 5, failed: [] } as const;
  return status === undefined
    ? service
    : { ...service, updateStatus: { ...base, message: '', ...status } };
}

function seen(service: Service, tasks: readonly Task[] = []): WatchedState {
  const nodes = [aNode('node-1')];
  return {
    ...emptyWatchedState,
    services: new Map([[service.id, service]]),
    tasks: new Map(tasks.map((task) => [task.id, task])),
    nodes: new Map(nodes.map((node) => [node.id, node])),
  };
}

const both = [1, 2].map((slot) =>
  aTask(web(), slot, { node: 'node-1', status: { startedAt: 1, containerId: 'c' } }),
);

function judge(
  service: Service,
  tasks: readonly Task[] = both,
  how: { readonly before?: Service; readonly back?: boolean } = {},
): WaitStatus {
  const before = seen(how.before ?? web());
  const wanted = { project: 'demo', services: ['web'], until: 'healthy', changes: [] } as const;
  const back = how.back === undefined ? {} : { back: how.back };
  return evaluateUp({ ...wanted, before, ...back }, seen(service, tasks));
}

const rowOf = ({ rows }: WaitStatus) => rows.find(({ id }) => id === 'Service demo_web');

test('the command waits until the manager has monitored the new tasks', (t) => {
  t.true(judge(web()).done);
  t.false(judge(web({})).done);
  t.is(rowOf(judge(web({})))?.text, 'Updating');
  t.true(judge(web({ state: 'completed' })).done);
});

test('a failed task does not end the command while the update is monitored', (t) => {
  const failed = aTask(web(), 1, {
    node: 'node-1',
    status: { state: 'failed', exitCode: 3, startedAt: 1, containerId: 'c' },
  });
  const [, second] = both;
  const tasks = second === undefined ? [] : [failed, second];
  t.is(judge(web({}), tasks).failure, undefined);
  t.regex(judge(web(), tasks).failure ?? '', /exited \(3\)/u);
});

test('a paused update fails the command and names the ways to continue', (t) => {
  const { failure } = judge(web({ state: 'paused', message: 'web.1 on node-1: exit 3' }));
  t.is(
    failure,
    'service web: update paused: web.1 on node-1: exit 3; resume with "shoal up", or run "shoal rollback web"',
  );
});

test('an automatic rollback fails the command when it completes', (t) => {
  const back = { kind: 'rollback', message: 'web.1 on node-1: exit 3' } as const;
  t.is(judge(web(back)).failure, undefined);
  t.is(rowOf(judge(web(back)))?.text, 'Rolling back');
  t.is(
    judge(web({ ...back, state: 'completed' })).failure,
    'service web: update failed and was rolled back: web.1 on node-1: exit 3',
  );
});

test('a requested rollback and an earlier rollback are no failures', (t) => {
  const done = web({ kind: 'rollback', state: 'completed' });
  t.true(judge(done, both, { back: true }).done);
  t.true(judge(done, both, { before: done }).done);
});

test('a service has one row, and containers that wait for the update do not show as stopping', (t) => {
  const old = aService('web', { replicas: 2, update, task: { container: { image: 'web:1' } } });
  const waiting = aTask(old, 1, { id: 'old', node: 'node-1' });
  const { rows } = judge(web({}), [waiting]);
  t.is(rows.filter(({ id }) => id === 'Service demo_web').length, 1);
  t.is(rows.find(({ id }) => id === 'Container demo-web-1')?.text, 'Recreate');
  const leaving = judge(web({}), [{ ...waiting, desired: 'shutdown' }]).rows;
  t.is(leaving.find(({ id }) => id === 'Container demo-web-1')?.text, 'Stopping');
});

test('an update without an eligible node does not keep the command waiting', (t) => {
  const explanation = { placed: false, summary: 'insufficient memory', reasons: [], at: 0 };
  const pending = aTask(web(), 1, { explanation });
  const [, second] = both;
  const { stuck } = judge(web({}), second === undefined ? [] : [pending, second]);
  t.is(stuck.length, 1);
  t.regex(stuck[0] ?? '', /cannot place demo-web-1: insufficient memory/u);
  t.deepEqual(judge(web({})).stuck, []);
});
