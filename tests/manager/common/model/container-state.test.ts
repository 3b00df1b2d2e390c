import test from 'ava';
import { containerState, statusText } from '../../../../manager/common/model/container-state.js';
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
