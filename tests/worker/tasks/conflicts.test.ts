import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { PortSpec } from '../../../manager/common/model/service.js';
import type { ObservedContainer } from '../../../worker/executor/executor.js';
import { conflictsWith, isSameSlot, isUnwanted } from '../../../worker/tasks/conflicts.js';

function running(changes: Partial<ObservedContainer>): ObservedContainer {
  return {
    id: 'c1',
    name: 'demo-web-1',
    taskId: 'old' as TaskId,
    state: 'running',
    restarts: 0,
    ports: [],
    imageId: 'sha256:1',
    addresses: {},
    ...changes,
  };
}

const port = (published: number, protocol: PortSpec['protocol'] = 'tcp'): PortSpec => ({
  target: 80,
  protocol,
  published,
  mode: 'host',
});

test('a container of the same slot conflicts, under its original or its new name', (t) => {
  const task = aTask(aService('web'), 1, { node: 'node-1' });
  t.true(conflictsWith(running({}), task));
  t.true(conflictsWith(running({ name: '0123456789ab_demo-web-1' }), task));
  t.false(conflictsWith(running({ name: 'demo-web-2' }), task));
  t.false(conflictsWith(running({ name: 'other_demo-web-1' }), task));
  t.false(conflictsWith(running({ name: '0123456789ab_demo-web-12' }), task));
});

test('a container with a host port of the task conflicts', (t) => {
  const task = aTask(aService('web', { task: { ports: [port(8080)] } }), 1, { node: 'node-1' });
  const taking = (published: number, protocol: PortSpec['protocol'] = 'tcp'): ObservedContainer =>
    running({ name: 'x', ports: [{ target: 1, protocol, published, hostIp: '0.0.0.0' }] });
  t.true(conflictsWith(taking(8080), task));
  t.false(conflictsWith(taking(8081), task));
  t.false(conflictsWith(taking(8080, 'udp'), task));
});

test('tasks share a slot if they have the same service and slot number', (t) => {
  const web = aService('web');
  const task = aTask(web, 1, { id: 'new' });
  t.true(isSameSlot(aTask(web, 1, { id: 'old' }), task));
  t.false(isSameSlot(aTask(web, 2, { id: 'old' }), task));
  t.false(isSameSlot(task, task));
});

test('any port of a published range conflicts, a port without a fixed number does not', (t) => {
  const range = { ...port(8080), publishedEnd: 8082 };
  const taking = (published: number): ObservedContainer =>
    running({
      name: 'x',
      ports: [
        { target: 1, protocol: 'udp', published: 8081, hostIp: '0.0.0.0' },
        { target: 1, protocol: 'tcp', published, hostIp: '0.0.0.0' },
      ],
    });
  const { published: _published, ...dynamic } = port(0);
  const task = aTask(aService('web', { task: { ports: [dynamic, range] } }), 1);
  for (const published of [8080, 8081, 8082]) t.true(conflictsWith(taking(published), task));
  for (const published of [8079, 8083]) t.false(conflictsWith(taking(published), task));
});

test('tasks of other services do not share a slot', (t) => {
  t.false(isSameSlot(aTask(aService('api'), 1), aTask(aService('web'), 1)));
});

test('a task is unwanted once it is shut down or removed', (t) => {
  const wanted = (['ready', 'running', 'complete', 'shutdown', 'remove'] as const).filter(
    (desired) => !isUnwanted(aTask(aService('web'), 1, { desired })),
  );
  t.deepEqual(wanted, ['ready', 'running', 'complete']);
});
