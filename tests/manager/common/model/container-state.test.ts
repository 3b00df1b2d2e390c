import test from 'ava';
import {
  containerState,
  isUnknown,
  pendingReason,
  statusText,
} from '../../../../manager/common/model/container-state.js';
import { portsText, publishers } from '../../../../cli/output/ports.js';
import { aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';

const web = aService('web');
const now = 200_000;
const container = { containerId: 'c1' };

for (const [title, options, text, state] of [
  [
    'a running container',
    { node: 'n', status: { ...container, startedAt: 80_000 } },
    'Up 2 minutes',
    'running',
  ],
  [
    'a healthy container',
    { node: 'n', status: { ...container, startedAt: 80_000, health: 'healthy' } },
    'Up 2 minutes (healthy)',
    'running',
  ],
  [
    'a container whose health is starting',
    { node: 'n', status: { ...container, startedAt: 199_000, health: 'starting' } },
    'Up 1 second (health: starting)',
    'running',
  ],
  [
    'a restarting container',
    { node: 'n', status: { ...container, exitCode: 3, at: 198_000 } },
    'Restarting (3) 2 seconds ago',
    'restarting',
  ],
  [
    'a failed container',
    { node: 'n', state: 'failed', status: { ...container, exitCode: 1, at: 197_000 } },
    'Exited (1) 3 seconds ago',
    'exited',
  ],
  [
    'a restarting container whose exit code is not known',
    { node: 'n', status: { ...container, at: 198_000 } },
    'Restarting (unknown) 2 seconds ago',
    'restarting',
  ],
  [
    'a container that the engine could not start',
    { node: 'n', state: 'failed', status: { ...container, error: 'exec: "x": not found' } },
    'Created: exec: "x": not found',
    'created',
  ],
  [
    'a container that was shut down before its start',
    { node: 'n', state: 'shutdown', status: { ...container, at: 197_000 } },
    'Created',
    'created',
  ],
  [
    'a container whose post_start hook failed',
    {
      node: 'n',
      state: 'failed',
      status: { ...container, error: 'post_start hook exited (1)', at: 197_000 },
    },
    'Exited (unknown) 3 seconds ago',
    'exited',
  ],
  [
    'a task whose image does not exist',
    { node: 'n', state: 'rejected', status: { error: 'no such image: x' } },
    'Rejected: no such image: x',
    'dead',
  ],
  [
    'a task without a node',
    {
      explanation: { placed: false, summary: 'insufficient memory on 3 nodes', reasons: [], at: 0 },
    },
    'Pending: insufficient memory on 3 nodes',
    'pending',
  ],
  ['a new task', { state: 'new' }, 'Pending', 'pending'],
  ['a task on its way to a node', { node: 'n', state: 'assigned' }, 'Scheduled', 'pending'],
  ['a task whose image is pulled', { node: 'n', state: 'preparing' }, 'Preparing', 'pending'],
  [
    'a container that waits for its start',
    { node: 'n', state: 'ready', status: container },
    'Created',
    'created',
  ],
  [
    'a paused container',
    { node: 'n', status: { ...container, startedAt: 80_000, paused: true } },
    'Up 2 minutes (Paused)',
    'paused',
  ],
  [
    'a container that is being removed',
    { node: 'n', state: 'shutdown', desired: 'remove', status: { ...container, exitCode: 0 } },
    'Removal In Progress',
    'removing',
  ],
  [
    'a container that ran and whose exit code is not known',
    { node: 'n', state: 'failed', status: { ...container, startedAt: 1, at: 197_000 } },
    'Exited (unknown) 3 seconds ago',
    'exited',
  ],
  [
    'a container whose node was lost',
    { node: 'n', state: 'orphaned', status: { ...container, at: 197_000 } },
    'Exited (unknown) 3 seconds ago',
    'exited',
  ],
  [
    'a task that ended without a container',
    { node: 'n', state: 'failed', status: { message: 'the network is gone' } },
    'Dead: the network is gone',
    'dead',
  ],
  ['a task that ended without a reason', { node: 'n', state: 'shutdown' }, 'Dead', 'dead'],
] as const) {
  test(`the status of ${title} matches docker's`, (t) => {
    const task = aTask(web, 1, options);
    t.is(statusText(task, now), text);
    t.is(containerState(task), state);
  });
}

test('the status of a container on a down node is unknown', (t) => {
  const task = aTask(web, 1, { node: 'n', status: { startedAt: 1 } });
  t.is(statusText(task, now, aNode('n', { state: 'down' })), 'Unknown (node down)');
});

test('a port published on all addresses is shown once at the address of the node', (t) => {
  const port = { target: 3000, protocol: 'tcp', published: 32_768 } as const;
  const task = aTask(web, 1, {
    node: 'n',
    status: {
      ports: [
        { ...port, hostIp: '0.0.0.0' },
        { ...port, hostIp: '::' },
      ],
    },
  });
  t.is(portsText(task, '10.98.0.11'), '10.98.0.11:32768->3000/tcp');
  t.deepEqual(publishers(task, '10.98.0.11'), [
    { URL: '10.98.0.11', TargetPort: 3000, PublishedPort: 32_768, Protocol: 'tcp' },
  ]);
});

test('a port bound to one address is shown at that address', (t) => {
  const task = aTask(web, 1, {
    status: { ports: [{ target: 80, protocol: 'tcp', published: 8080, hostIp: '127.0.0.1' }] },
  });
  t.is(portsText(task, '10.98.0.11'), '127.0.0.1:8080->80/tcp');
});

test('the container of a silent engine is unknown, with the reason', (t) => {
  const task = aTask(aService('web'), 1, { node: 'n1' });
  const status = { state: 'unknown', since: 0, message: '', engine: 'silent' } as const;
  t.is(statusText(task, 0, { ...aNode('n1'), status }), 'Unknown (engine does not answer)');
});

test('only tasks that may still run are unknown on a node that is not ready', (t) => {
  const running = aTask(web, 1, { node: 'n' });
  const ended = aTask(web, 1, { node: 'n', state: 'failed' });
  for (const state of ['unknown', 'down'] as const) {
    t.true(isUnknown(running, aNode('n', { state })));
    t.false(isUnknown(ended, aNode('n', { state })));
  }
  t.false(isUnknown(running, aNode('n')));
  t.false(isUnknown(running, undefined));
});

test('a container on a ready node, or one that ended, is shown as known', (t) => {
  const up = aTask(web, 1, { node: 'n', status: { ...container, startedAt: 80_000 } });
  t.is(statusText(up, now, aNode('n')), 'Up 2 minutes');
  const ended = aTask(web, 1, {
    node: 'n',
    state: 'failed',
    status: { ...container, exitCode: 1, at: 197_000 },
  });
  t.is(statusText(ended, now, aNode('n', { state: 'down' })), 'Exited (1) 3 seconds ago');
});

test('a node that is silent itself is named before its engine', (t) => {
  const up = aTask(web, 1, { node: 'n' });
  t.is(statusText(up, now, aNode('n', { state: 'unknown' })), 'Unknown (node unknown)');
  const status = { state: 'down', since: 0, message: '', engine: 'silent' } as const;
  t.is(statusText(up, now, { ...aNode('n'), status }), 'Unknown (node down)');
});

test('a reason for missing nodes is given only while a task waits for one', (t) => {
  const explanation = { placed: false, summary: 'no node has memory', reasons: [], at: 0 };
  const reasonIn = (state: 'new' | 'pending' | 'assigned'): string | undefined =>
    pendingReason(aTask(web, 1, { state, explanation }));
  t.is(reasonIn('new'), 'no node has memory');
  t.is(reasonIn('pending'), 'no node has memory');
  t.is(reasonIn('assigned'), undefined);
  t.is(pendingReason(aTask(web, 1, { explanation: { ...explanation, placed: true } })), undefined);
  t.is(pendingReason(aTask(web, 1)), undefined);
});
