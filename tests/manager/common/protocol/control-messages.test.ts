import test from 'ava';
import { aNetwork, aNode, aService, aTask, aVolume } from '../../../../fixtures/cluster/build.js';
import { decode, type Decoder } from '../../../../manager/common/base/decode.js';
import {
  clusterEvent,
  statsMessage,
  taskLogLines,
  watchMessage,
} from '../../../../manager/common/protocol/control-messages.js';

const service = aService('web', { replicas: 1 });
const task = aTask(service, 1, {});
const snapshot = {
  kind: 'snapshot',
  services: [service],
  tasks: [task],
  nodes: [aNode('n1')],
  networks: [aNetwork('p_default')],
  volumes: [aVolume('p_data', ['n1'])],
};
const event = {
  ...{ number: 1, at: 2, type: 'node', action: 'update', id: 'n1', name: 'one' },
  attributes: { state: 'down' },
};
const line = {
  ...{ at: 1, stamp: '2026-01-01T00:00:00.000000001Z', stream: 'stdout', text: 'up' },
  ...{ taskId: 't1', service: 'web', slot: 1, containerName: 'p-web-1', node: 'one' },
};
const machine = {
  ...{ cpuPercent: 1, memoryUsedBytes: 1, memoryBytes: 2, load1: 0.5 },
  ...{ diskUsedBytes: 1, diskBytes: 2 },
};
const stats = {
  kind: 'delta',
  at: 1,
  tasks: [],
  goneTasks: ['t1'],
  nodes: [{ ...machine, nodeId: 'n1' }],
  goneNodes: [],
};

/** A value as the other side of a connection receives it. */
function sent(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

const valid: readonly (readonly [string, Decoder<unknown>, unknown])[] = [
  ['a snapshot', watchMessage, snapshot],
  ['a snapshot with secrets', watchMessage, { ...snapshot, secrets: [], configs: [] }],
  ['a changed task', watchMessage, { kind: 'put', table: 'tasks', object: task }],
  ['a removal', watchMessage, { kind: 'remove', table: 'nodes', id: 'n1' }],
  ['an event', clusterEvent, event],
  ['log lines', taskLogLines, [line, { ...line, partial: true }]],
  ['statistics', statsMessage, stats],
];

for (const [title, decoder, value] of valid) {
  test(`${title}: decoded without a change`, (t) => {
    const received = sent(value);
    t.is(decode(received, decoder, 'manager'), received);
  });
}

const malformed: readonly (readonly [string, Decoder<unknown>, unknown, string])[] = [
  ['an unknown kind', watchMessage, { kind: 'all' }, 'kind must be one of snapshot, put, remove'],
  [
    'an object of another table',
    watchMessage,
    { kind: 'put', table: 'services', object: task },
    'object.spec.name must be a non-empty string',
  ],
  [
    'an unknown table',
    watchMessage,
    { kind: 'remove', table: 'leases', id: 'x' },
    'table must be one of services, tasks, nodes, networks, volumes, secrets, configs',
  ],
  [
    'a task in an unknown state',
    watchMessage,
    { ...snapshot, tasks: [{ ...task, status: { ...task.status, state: 'lost' } }] },
    'tasks[0].status.state must be one of new, pending, assigned, accepted, preparing, ready, starting, running, complete, shutdown, failed, rejected, orphaned',
  ],
  [
    'an event without a number',
    clusterEvent,
    { ...event, number: '1' },
    'number must be a non-negative integer',
  ],
  [
    'a log line without a task',
    taskLogLines,
    [line, { ...line, taskId: undefined }],
    '[1].taskId must be a string',
  ],
  [
    'usage without a node',
    statsMessage,
    { ...stats, nodes: [machine] },
    'nodes[0].nodeId must be a non-empty string',
  ],
];

for (const [title, decoder, value, message] of malformed) {
  test(`${title}: rejected with the field`, (t) => {
    const error = t.throws(() => decode(sent(value), decoder, 'manager'));
    t.is(error.message, `manager: ${message}`);
  });
}
