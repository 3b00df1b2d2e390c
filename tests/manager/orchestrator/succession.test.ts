import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';
import { describeTaskChanges } from '../../helpers/decisions/describe-task-changes.js';
import type { ServiceSnapshotOptions } from '../../helpers/decisions/service-snapshot.js';
import { aServiceSnapshot } from '../../helpers/decisions/service-snapshot.js';

const update = {
  ...({ parallelism: 1, delayMs: 0, failureAction: 'pause', monitorMs: 0 } as const),
  ...({ maxFailureRatio: 0, order: 'start-first' } as const),
};

function plan(
  service: Service,
  tasks: readonly Task[],
  nodes: readonly Node[],
  options: ServiceSnapshotOptions = {},
): string {
  const changes = reconcile(aServiceSnapshot(service, tasks, { nodes, ...options }));
  return describeTaskChanges(changes.filter(({ kind }) => kind !== 'update-status'));
}

const drained = [aNode('node-1', { availability: 'drain' }), aNode('node-2')];
const active = [aNode('node-1'), aNode('node-2')];

test('start-first: a successor runs before the task leaves its drained node', (t) => {
  const web = aService('web', { replicas: 2, update });
  const tasks = [1, 2].map((slot) => aTask(web, slot, { node: 'node-1' }));
  t.is(plan(web, tasks, drained), 'slot 1: new task, running: node-1 is drained');
  const next = (health: 'starting' | 'healthy') =>
    aTask(web, 1, {
      ...{ id: 'next', node: 'node-2', createdAt: 5 },
      status: { state: 'running', health },
    });
  t.is(plan(web, [...tasks, next('starting')], drained), '');
  t.is(
    plan(web, [...tasks, next('healthy')], drained),
    'slot 1: web.1 to shutdown: the slot has a newer task\nslot 2: new task, running: node-1 is drained',
  );
});

test('a task that fits nowhere else keeps running', (t) => {
  for (const service of [aService('web', { update }), aService('web')]) {
    const old = aTask(service, 1, { node: 'node-1' });
    const next = {
      ...aTask(service, 1, { id: 'next', state: 'pending', desired: 'ready', createdAt: 5 }),
      explanation: { placed: false, summary: 'no room', reasons: [], at: 0 },
    } as const;
    const changes = plan(service, [old, next], drained);
    t.notRegex(changes, /web\.1 to shutdown/u);
  }
});

test('a successor is dropped when the task may stay after all', (t) => {
  const web = aService('web');
  const old = aTask(web, 1, { node: 'node-1' });
  const next = aTask(web, 1, { id: 'next', state: 'pending', desired: 'ready', createdAt: 5 });
  t.is(
    plan(web, [old, next], active),
    'slot 1: forget next: the previous task may stay on its node',
  );
});

test('a forced drain and a task that does not run stop at once', (t) => {
  const web = aService('web', { update });
  const old = aTask(web, 1, { node: 'node-1' });
  const [first, second] = drained;
  if (first === undefined || second === undefined) throw new Error('two nodes');
  const forced = [{ ...first, spec: { ...first.spec, forced: true as const } }, second];
  const stop = 'slot 1: web.1 to shutdown: node-1 is drained';
  t.is(plan(web, [old], forced), stop);
  const waiting = aTask(web, 1, { id: 'next', state: 'pending', createdAt: 5 });
  t.is(plan(web, [old, waiting], forced), 'slot 1: web.1 to shutdown: the slot has a newer task');
  t.is(plan(web, [aTask(web, 1, { node: 'node-1', state: 'preparing' })], drained), stop);
});

test('a pod leaves in the order of its leader; followers stay until it has moved', (t) => {
  const db = aService('db', { update });
  const leader = aTask(db, 1, { node: 'node-1' });
  t.is(
    plan(db, [leader], drained, { hasFollowers: true }),
    'slot 1: new task, running: node-1 is drained',
  );
  const side = aService('side', {
    update,
    task: { container: { networkMode: { kind: 'service', service: 'db' } } },
  });
  const follower = aTask(side, 1, { node: 'node-1' });
  t.is(plan(side, [follower], drained, { owners: [leader] }), '');
  const moved = aTask(db, 1, { id: 'next', node: 'node-2', createdAt: 5 });
  t.regex(
    plan(side, [follower], drained, { owners: [moved] }),
    /side\.1 to shutdown: node-1 is drained/u,
  );
  t.regex(plan(side, [follower], drained, { owners: [] }), /side\.1 to shutdown/u);
});

test('a successor that only its predecessor blocks makes it stop first', (t) => {
  const before = aService('web', { update });
  const after = aService('web', { update, forceUpdate: 1 });
  const old = aTask(before, 1, { id: 'old', node: 'node-1' });
  const blocked = (awaits: object): Task => ({
    ...aTask(after, 1, { id: 'next', state: 'pending', createdAt: 5 }),
    explanation: { placed: false, summary: 'port 80/tcp is in use', reasons: [], at: 0, ...awaits },
  });
  t.is(plan(after, [old, blocked({})], active), '');
  t.is(
    plan(after, [old, blocked({ awaits: 'predecessor' })], active),
    'slot 1: old to shutdown: the slot has a newer task',
  );
});

test('a paused node keeps its outdated task until it can be replaced', (t) => {
  const paused = [aNode('node-1', { availability: 'pause' }), aNode('node-2')];
  const agent = aService('agent', { global: true, forceUpdate: 1 });
  const outdated = aTask(aService('agent', { global: true }), 1, { node: 'node-1' });
  const fresh = aTask(agent, 2, { node: 'node-2' });
  t.is(plan(agent, [outdated, fresh], paused), '', 'a global service has no other place');
  t.is(
    plan(agent, [outdated, fresh], active),
    'slot 1: agent.1 to shutdown: the service was changed',
  );
  const web = aService('web', { forceUpdate: 1 });
  const old = aTask(aService('web'), 1, { node: 'node-1' });
  t.is(plan(web, [old], paused), 'slot 1: new task, ready: the service was changed');
});

test('a paused update does not keep tasks on a drained node', (t) => {
  const before = aService('web', { update, replicas: 2 });
  const made = aService('web', { update, replicas: 2, forceUpdate: 1 });
  const service: Service = {
    ...made,
    updateStatus: {
      ...({ kind: 'change', state: 'paused', startedAt: 0, message: 'exit 1' } as const),
      ...{ taskHash: made.taskHash, failed: [1] },
    },
  };
  const tasks = [1, 2].map((slot) =>
    aTask(before, slot, { id: `old-${slot}`, node: `node-${slot}` }),
  );
  t.is(plan(service, tasks, drained), 'slot 1: new task, running: node-1 is drained');
});

test('started tasks stop when their dependencies are no longer met', (t) => {
  const service = aService('web', {
    replicas: 2,
    dependsOn: [{ service: 'db', condition: 'service_healthy', required: true, restart: true }],
  });
  const closed = { gate: { open: false } };
  const tasks = [
    aTask(service, 1, { node: 'node-1' }),
    aTask(service, 2, { node: 'node-2', state: 'ready', desired: 'ready' }),
  ];
  t.is(
    plan(service, tasks, active, closed),
    'slot 1: web.1 to shutdown: a dependency is recreated',
  );
  t.false(plan({ ...service, dependenciesMet: true }, tasks, active).includes('shutdown'));
});

test('an outdated task stays until the dependents have stopped', (t) => {
  const service = aService('db');
  const old = { ...aTask(service, 1, { node: 'node-1' }), taskHash: 'before' };
  t.false(plan(service, [old], active, { awaitsDependents: true }).includes('shutdown'));
  t.true(plan(service, [old], active).includes('db.1 to shutdown: the service was changed'));
});
