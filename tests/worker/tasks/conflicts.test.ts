import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { PortSpec } from '../../../manager/common/model/service.js';
import type { ObservedContainer } from '../../../worker/executor/executor.js';
import { conflictsWith, isSameSlot } from '../../../worker/tasks/conflicts.js';

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
