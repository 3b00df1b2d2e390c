import test from 'ava';
import type { ServiceSnapshotOptions } from '../../helpers/decisions/service-snapshot.js';
import { aServiceSnapshot } from '../../helpers/decisions/service-snapshot.js';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { describeTaskChanges } from '../../helpers/decisions/describe-task-changes.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';

function plan(service: Service, tasks: readonly Task[], options?: ServiceSnapshotOptions): string {
  return describeTaskChanges(reconcile(aServiceSnapshot(service, tasks, options)));
}

const down = [aNode('node-1', { state: 'down' }), aNode('node-2'), aNode('node-3')];
const lines = (...items: string[]): string => items.join('\n');

test('empty slots are filled from 1 up', (t) => {
  t.is(
    plan(aService('web', { replicas: 2 }), []),
    lines(
      'slot 1: new task, running: the slot is empty',
      'slot 2: new task, running: the slot is empty',
    ),
  );
});

test('a job fills as many slots as may run at the same time', (t) => {
  const mode = { kind: 'replicated', replicas: 3, job: true, maxConcurrent: 1 } as const;
  const restart = { condition: 'on-failure', delayMs: 0, maxAttempts: 0, windowMs: 0 } as const;
  const service = aService('load', { mode, task: { restart } });
  t.is(plan(service, []), 'slot 1: new task, running: the slot is empty');
  const running = aTask(service, 1, { node: 'node-1' });
  t.is(plan(service, [running]), '');
  const done = aTask(service, 1, { node: 'node-1', state: 'complete' });
  t.is(plan(service, [done]), 'slot 2: new task, running: the slot is empty');
});

test('a service that matches its spec needs no changes', (t) => {
  const service = aService('web', { replicas: 2 });
  const tasks = [aTask(service, 1, { node: 'node-1' }), aTask(service, 2, { node: 'node-2' })];
  t.is(plan(service, tasks), '');
});

test('scaling down removes the highest slots and keeps 1 to N', (t) => {
  const service = aService('web', { replicas: 1 });
  const tasks = [1, 2, 3].map((slot) => aTask(service, slot, { node: `node-${slot}` }));
  t.is(
    plan(service, tasks),
    lines(
      'slot 2: web.2 to remove: the service is scaled to 1',
      'slot 3: web.3 to remove: the service is scaled to 1',
    ),
  );
  const leaving = tasks.map((task) =>
    task.slot === 1 ? task : { ...task, desired: 'remove' as const },
  );
  t.is(plan(service, leaving), '');
  const ended = leaving.map((task) =>
    task.slot === 1 ? task : { ...task, status: { ...task.status, state: 'shutdown' as const } },
  );
  t.is(
    plan(service, ended),
    lines(
      'slot 2: forget web.2: the service is scaled to 1',
      'slot 3: forget web.3: the service is scaled to 1',
    ),
  );
});

test('scaling up waits for the end of a removed task in the same slot', (t) => {
  const service = aService('web', { replicas: 1 });
  t.is(plan(service, [aTask(service, 1, { node: 'node-1', desired: 'remove' })]), '');
});

test('a task on a down node is replaced at once in its slot', (t) => {
  const service = aService('web');
  t.is(
    plan(service, [aTask(service, 1, { node: 'node-1' })], { nodes: down }),
    lines('slot 1: web.1 to shutdown: node-1 is down', 'slot 1: new task, running: node-1 is down'),
  );
});

test('a task on a removed node is replaced at once', (t) => {
  const service = aService('web');
  const gone = aTask(service, 1, { node: 'node-9' });
  t.is(
    plan(service, [gone]),
    lines(
      'slot 1: web.1 to shutdown: its node was removed',
      'slot 1: new task, running: its node was removed',
    ),
  );
  const orphaned = aTask(service, 1, { node: 'node-9', state: 'orphaned' });
  t.is(
    plan(service, [orphaned]),
    lines(
      'slot 1: web.1 to shutdown: its node was removed',
      'slot 1: new task, running: its node was removed',
    ),
  );
});

test('a node in state unknown keeps its tasks', (t) => {
  const service = aService('web');
  const nodes = [aNode('node-1', { state: 'unknown' })];
  t.is(plan(service, [aTask(service, 1, { node: 'node-1' })], { nodes }), '');
});

test('slots leave a drained node one at a time, each once its successor is ready to start', (t) => {
  const service = aService('web', { replicas: 3 });
  const nodes = [aNode('node-1', { availability: 'drain' }), aNode('node-2')];
  const tasks = [
    aTask(service, 1, { node: 'node-1' }),
    aTask(service, 2, { node: 'node-1' }),
    aTask(service, 3, { node: 'node-2' }),
  ];
  t.is(plan(service, tasks, { nodes }), 'slot 1: new task, ready: node-1 is drained');
  const next = (state: 'pending' | 'preparing' | 'ready', desired: 'ready' | 'running' = 'ready') =>
    aTask(service, 1, { id: 'next', node: 'node-2', state, desired, createdAt: 5 });
  t.is(plan(service, [...tasks, next('pending')], { nodes }), '');
  t.is(plan(service, [...tasks, next('preparing')], { nodes }), '', 'it may still be rejected');
  t.is(
    plan(service, [...tasks, next('ready')], { nodes }),
    'slot 1: web.1 to shutdown: the slot has a newer task',
  );
  const [first, ...others] = tasks;
  const stopping = { ...aTask(service, 1, { node: 'node-1' }), desired: 'shutdown' } as const;
  t.is(first?.id, stopping.id);
  t.is(plan(service, [stopping, next('ready'), ...others], { nodes }), '');
  const stopped = { ...stopping, status: { ...stopping.status, state: 'shutdown' } } as const;
  t.is(
    plan(service, [stopped, next('ready'), ...others], { nodes }),
    'slot 1: next to running: its dependencies are met',
  );
  const leaving = aTask(service, 1, { node: 'node-1', desired: 'shutdown' });
  t.is(plan(aService('web'), [leaving], { nodes }), '');
  const ended = aTask(service, 1, {
    node: 'node-1',
    desired: 'shutdown',
    status: { state: 'shutdown', containerId: 'c' },
  });
  t.is(plan(aService('web'), [ended], { nodes }), 'slot 1: new task, running: the slot is empty');
});

test('a paused node keeps its tasks', (t) => {
  const service = aService('web');
  const nodes = [aNode('node-1', { availability: 'pause' })];
  t.is(plan(service, [aTask(service, 1, { node: 'node-1' })], { nodes }), '');
});

test('a task whose node no longer satisfies the constraints leaves it', (t) => {
  const service = aService('web', {
    task: { placement: { constraints: ['node.labels.disk == ssd'] } },
  });
  const nodes = [aNode('node-1', { labels: { disk: 'hdd' } })];
  t.is(
    plan(service, [aTask(service, 1, { node: 'node-1' })], { nodes }),
    'slot 1: new task, ready: node-1 has node.labels.disk != ssd',
  );
});

test('a pending task is recreated when its placement changes', (t) => {
  const old = aTask(aService('web'), 1);
  const service = aService('web', {
    task: { placement: { constraints: ['node.labels.disk == ssd'] } },
  });
  t.is(
    plan(service, [old]),
    lines(
      'slot 1: forget web.1: its placement was changed',
      'slot 1: new task, running: its placement was changed',
    ),
  );
});

test('stop shuts down every task and keeps the slots', (t) => {
  const service = aService('web', { replicas: 3, halted: true });
  const tasks = [
    aTask(service, 1, { node: 'node-1' }),
    aTask(service, 2, { node: 'node-2', state: 'complete' }),
    aTask(service, 3),
  ];
  t.is(
    plan(service, tasks),
    lines(
      'slot 1: web.1 to shutdown: the service is stopped',
      'slot 2: web.2 to shutdown: the service is stopped',
      'slot 3: forget web.3: the service is stopped',
    ),
  );
});

test('start adopts the kept containers on their nodes', (t) => {
  const service = aService('web');
  const kept = aTask(service, 1, {
    node: 'node-2',
    desired: 'shutdown',
    status: { state: 'shutdown', containerId: 'c1' },
  });
  t.is(plan(service, [kept]), 'slot 1: new task, running, on node-2, adopts web.1: restarted');

  const leaving = aTask(service, 1, { node: 'node-2', desired: 'shutdown' });
  t.is(plan(service, [leaving]), '', 'a leaving task blocks its slot');
});

test('start does not adopt an outdated container or one on an unavailable node', (t) => {
  const service = aService('web');
  const kept = aTask(service, 1, {
    node: 'node-1',
    desired: 'shutdown',
    status: { state: 'shutdown', containerId: 'c1' },
  });
  const fresh = 'slot 1: new task, running: the slot is empty';
  t.is(plan(aService('web', { forceUpdate: 1 }), [kept]), fresh);
  t.is(plan(service, [kept], { nodes: down }), fresh);
  const rejected = { ...kept, status: { ...kept.status, state: 'rejected' as const } };
  t.is(plan(service, [rejected]), fresh);
});

test('a pending adoption moves to another node when its node goes down', (t) => {
  const service = aService('web');
  const waiting = aTask(service, 1, { node: 'node-1', state: 'pending', adopts: 'old' });
  t.is(
    plan(service, [waiting], { nodes: down }),
    lines('slot 1: forget web.1: node-1 is down', 'slot 1: new task, running: node-1 is down'),
  );
});

test("an ended task under the engine's restart policy stays as it is", (t) => {
  const service = aService('job');
  for (const state of ['complete', 'failed'] as const) {
    const status = { state, startedAt: 1, exitCode: state === 'failed' ? 1 : 0 };
    t.is(plan(service, [aTask(service, 1, { node: 'node-1', status })]), '');
  }
});

test('a slot keeps two ended tasks and deletes older ones', (t) => {
  const service = aService('web');
  const ended = [1, 2, 3, 4].map((at) =>
    aTask(service, 1, {
      id: `old-${at}`,
      node: 'node-1',
      desired: 'shutdown',
      state: 'failed',
      createdAt: at,
    }),
  );
  const current = aTask(service, 1, { id: 'now', node: 'node-1', createdAt: 9 });
  t.is(
    plan(service, [...ended, current]),
    lines(
      'slot 1: forget old-2: the history limit is reached',
      'slot 1: forget old-1: the history limit is reached',
    ),
  );
});

test('a replaced task is deleted once its successor runs', (t) => {
  const service = aService('web');
  const replaced = aTask(service, 1, {
    id: 'old',
    node: 'node-1',
    desired: 'shutdown',
    state: 'shutdown',
  });
  const successor = (state: 'preparing' | 'running') =>
    aTask(service, 1, { id: 'new', node: 'node-2', createdAt: 9, state });
  t.is(plan(service, [replaced, successor('preparing')]), '');
  t.is(plan(service, [replaced, successor('running')]), 'slot 1: forget old: it was replaced');
});

test('removal deletes the tasks first, then the service', (t) => {
  const service = aService('web', { replicas: 3, removing: true });
  const tasks = [
    aTask(service, 1, { node: 'node-2' }),
    aTask(service, 2, { node: 'node-2', state: 'shutdown', desired: 'remove' }),
    aTask(service, 3),
  ];
  t.is(
    plan(service, tasks),
    lines(
      'slot 1: web.1 to remove: the service is removed',
      'slot 2: forget web.2: the service is removed',
      'slot 3: forget web.3: the service is removed',
    ),
  );
  t.is(plan(service, []), 'remove the service: it has no tasks left');
});

test('removal fences the addresses of a down node instead of waiting for it', (t) => {
  const service = aService('web', { removing: true });
  t.is(
    plan(service, [aTask(service, 1, { node: 'node-1' })], { nodes: down }),
    lines(
      'slot 1: forget web.1, fence: the service is removed',
      'remove the service: it has no tasks left',
    ),
  );
});

test('tasks are created but not started until the dependencies are met', (t) => {
  const service = aService('web', {
    dependsOn: [{ service: 'db', condition: 'service_started', required: true, restart: false }],
  });
  const closed = { gate: { open: false } };
  t.is(plan(service, [], closed), 'slot 1: new task, ready: the slot is empty');
  const waiting = aTask(service, 1, { node: 'node-1', state: 'ready', desired: 'ready' });
  t.is(plan(service, [waiting], closed), '');
  t.is(
    plan(service, [waiting]),
    lines(
      'dependencies met: every dependency is satisfied',
      'slot 1: web.1 to running: its dependencies are met',
    ),
  );
});

test('a failed dependency is explained once on the tasks that wait for it', (t) => {
  const service = aService('web', {
    dependsOn: [{ service: 'db', condition: 'service_healthy', required: true, restart: false }],
  });
  const gate = { open: false, trouble: 'dependency db failed: exit 1' };
  const waiting = aTask(service, 1, { node: 'node-1', state: 'ready', desired: 'ready' });
  t.is(plan(service, [waiting], { gate }), 'slot 1: web.1 explained: dependency db failed: exit 1');
  const explanation = { placed: true, summary: gate.trouble, reasons: ['node-1: fewest'], at: 0 };
  t.is(plan(service, [{ ...waiting, explanation }], { gate }), '');
  t.is(
    plan(service, [{ ...waiting, explanation }]),
    lines(
      'dependencies met: every dependency is satisfied',
      'slot 1: web.1 explanation cleared: its dependencies are met',
      'slot 1: web.1 to running: its dependencies are met',
    ),
  );
});
