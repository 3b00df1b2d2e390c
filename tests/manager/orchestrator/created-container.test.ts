import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { ServiceOptions, TaskOptions } from '../../../fixtures/cluster/build.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';
import { describeTaskChanges } from '../../helpers/decisions/describe-task-changes.js';
import { aServiceSnapshot } from '../../helpers/decisions/service-snapshot.js';
import type { ServiceSnapshotOptions } from '../../helpers/decisions/service-snapshot.js';

function aCreated(options: ServiceOptions & { readonly autoRemove?: boolean } = {}): Service {
  const { autoRemove = false, ...rest } = options;
  const container = { origin: { autoRemove }, engineRestart: { name: 'no' } } as const;
  return aService('web', { ...rest, task: { container } });
}

function decide(
  service: Service,
  tasks: readonly Task[],
  options: ServiceSnapshotOptions = {},
): string {
  return describeTaskChanges(reconcile(aServiceSnapshot(service, tasks, options)));
}

/** A run that has ended by itself. */
function ended(service: Service, options: TaskOptions = {}): Task {
  const status = { containerId: 'c1', exitCode: 0 };
  return aTask(service, 1, { node: 'node-1', state: 'complete', ...options, status });
}

test('a new container gets one task, held until its start', (t) => {
  const gate = { open: false };
  t.is(decide(aCreated(), [], { gate }), 'slot 1: new task, ready: it was created');
  const held = aTask(aCreated(), 1, { node: 'node-1', state: 'ready', desired: 'ready' });
  t.is(decide(aCreated(), [held], { gate }), '');
  t.is(decide(aCreated(), [held]), 'slot 1: web.1 to running: its dependencies are met');
});

test('a container that exits, fails or was rejected stays as it is', (t) => {
  const service = aCreated();
  for (const state of ['complete', 'failed', 'rejected', 'orphaned'] as const) {
    t.is(decide(service, [ended(service, { state })]), '', `a task that is ${state}`);
  }
});

test('a container stays on a node that is down, drained or no longer matches', (t) => {
  const service = aCreated();
  const task = aTask(service, 1, { node: 'node-1' });
  for (const node of [
    aNode('node-1', { state: 'down' }),
    aNode('node-1', { availability: 'drain' }),
  ]) {
    t.is(decide(service, [task], { nodes: [node] }), '');
  }
});

test('a changed spec changes the container in place', (t) => {
  const task = aTask(aCreated(), 1, { node: 'node-1' });
  const { spec, ...rest } = aCreated();
  const container = { ...spec.task.container, image: 'other' };
  const changed = { ...rest, spec: { ...spec, task: { ...spec.task, container } } };
  t.is(decide(changed, [task]), '');
});

test('a stop shuts the task down; a start takes over its container', (t) => {
  const halted = aCreated({ halted: true });
  const running = aTask(halted, 1, { node: 'node-1' });
  t.is(decide(halted, [running]), 'slot 1: web.1 to shutdown: the container is stopped');
  const service = aCreated();
  const stopping = aTask(service, 1, { node: 'node-1', desired: 'shutdown' });
  t.is(decide(service, [stopping]), '');
  const stopped = ended(service, { state: 'shutdown', desired: 'shutdown' });
  const again = 'slot 1: new task, running, on node-1, adopts web.1: it was started';
  t.is(decide(service, [stopped]), again);
  t.is(decide(service, [stopped], { nodes: [aNode('node-1', { state: 'down' })] }), '');
});

test('with automatic removal, the end of a run removes container and service', (t) => {
  const service = aCreated({ autoRemove: true });
  t.is(decide(service, [aTask(service, 1, { node: 'node-1' })]), '');
  const removed =
    'slot 1: forget web.1: the service is removed\nremove the service: it has no tasks left';
  t.is(decide(service, [ended(service)]), removed);
  const stopped = ended(aCreated({ autoRemove: true, halted: true }), { desired: 'shutdown' });
  t.is(decide(aCreated({ autoRemove: true, halted: true }), [stopped]), removed);
});

test('a removal stops the container first', (t) => {
  const service = aCreated({ removing: true });
  const running = aTask(service, 1, { node: 'node-1' });
  t.is(decide(service, [running]), 'slot 1: web.1 to remove: the service is removed');
});

test('a container with the policy on-node-failure leaves a lost node, if it has not ended', (t) => {
  const { spec, ...rest } = aCreated();
  const labels = { 'com.docker.swarm.reschedule-policies': '["on-node-failure"]' };
  const container = { ...spec.task.container, labels };
  const service = { ...rest, spec: { ...spec, task: { ...spec.task, container } } };
  const down = { nodes: [aNode('node-1', { state: 'down' })] };
  const task = aTask(service, 1, { node: 'node-1' });
  t.is(decide(service, [task]), '');
  t.is(
    decide(service, [task], down),
    'slot 1: web.1 to shutdown: its node is down\nslot 1: new task, running: its node is down',
  );
  t.is(decide(service, [ended(service)], down), '');
});
