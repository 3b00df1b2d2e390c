import test from 'ava';
import { aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import type { Task } from '../../../manager/common/model/task.js';
import { decide } from '../../../manager/scheduler/decide.js';
import {
  gib,
  mountOf,
  nodes,
  pending,
  print,
  snapshot,
} from '../../helpers/decisions/placement.js';

test('replicas are spread one per node in order of node name', (t) => {
  const decisions = decide(snapshot({ nodes: nodes(3), tasks: pending('web', 4) }));
  t.is(print(decisions), 'web.1 node-1\nweb.2 node-2\nweb.3 node-3\nweb.4 node-1');
});

test('dependencies are placed before the tasks that wait for them', (t) => {
  const waiting = pending('app', 1).map((task) => ({ ...task, desired: 'ready' as const }));
  const decisions = decide(
    snapshot({ nodes: nodes(3), tasks: [...waiting, ...pending('database', 1)] }),
  );
  t.is(print(decisions), 'database.1 node-1\napp.1 node-2');
});

test('the total number of tasks decides between nodes with equal replicas', (t) => {
  const other = aService('other');
  const busy = aTask(other, 1, { node: 'node-1' });
  const decisions = decide(snapshot({ nodes: nodes(2), tasks: [busy, ...pending('web', 1)] }));
  t.is(print(decisions), 'web.1 node-2');
  t.is(
    decisions[0]?.explanation.summary,
    'node-2: fewest tasks (0 of web, 0 in all) of 2 nodes that fit',
  );
});

test('an unschedulable task counts the nodes for each reason', (t) => {
  const decisions = decide(
    snapshot({
      nodes: [
        aNode('node-1', { labels: { disk: 'ssd' }, memoryBytes: gib }),
        aNode('node-2', { labels: { disk: 'ssd' }, memoryBytes: gib }),
        aNode('node-3'),
        aNode('node-4', { state: 'down' }),
        aNode('node-5', { availability: 'drain' }),
      ],
      tasks: pending('db', 1, {
        task: { memoryBytes: 2 * gib, placement: { constraints: ['node.labels.disk == ssd'] } },
      }),
    }),
  );
  t.is(
    print(decisions),
    'db.1: insufficient memory on 2 nodes, node.labels.disk != ssd on 1 node, 1 node is down, 1 node is drained',
  );
  t.deepEqual(decisions[0]?.explanation.reasons, [
    'insufficient memory on 2 nodes (2 GiB requested): node-1 (1 GiB free), node-2 (1 GiB free)',
    'node.labels.disk != ssd on 1 node: node-3',
    '1 node is down: node-4',
    '1 node is drained: node-5',
  ]);
});

test('a cluster without nodes is the explanation', (t) => {
  t.is(print(decide(snapshot({ tasks: pending('web', 1) }))), 'web.1: the cluster has no nodes');
});

test('reservations of placed tasks count until the tasks end', (t) => {
  const service = aService('db', { task: { memoryBytes: 5 * gib } });
  const running = aTask(service, 1, { node: 'node-1' });
  const waiting = aTask(service, 2);
  t.is(
    print(decide(snapshot({ nodes: nodes(1), tasks: [running, waiting] }))),
    'db.2: insufficient memory on 1 node',
  );
  const ended = { ...running, status: { ...running.status, state: 'shutdown' as const } };
  t.is(print(decide(snapshot({ nodes: nodes(1), tasks: [ended, waiting] }))), 'db.2 node-1');
});

test('a fixed host port is used once per node and other tasks wait', (t) => {
  const tasks = pending('web', 3, {
    task: { ports: [{ target: 80, protocol: 'tcp', published: 8080, mode: 'host' }] },
  });
  t.is(
    print(decide(snapshot({ nodes: nodes(2), tasks }))),
    'web.1 node-1\nweb.2 node-2\nweb.3: port 8080/tcp is already in use on 2 nodes',
  );
});

test('equal port numbers do not conflict across protocols or addresses', (t) => {
  const port = { target: 53, published: 53, mode: 'host' } as const;
  const holder = aTask(
    aService('a', { task: { ports: [{ ...port, protocol: 'tcp', hostIp: '10.0.0.1' }] } }),
    1,
    { node: 'node-1' },
  );
  const ask = (protocol: 'tcp' | 'udp', hostIp?: string): string =>
    print(
      decide(
        snapshot({
          nodes: nodes(1),
          tasks: [
            holder,
            ...pending('b', 1, {
              task: { ports: [{ ...port, protocol, ...(hostIp === undefined ? {} : { hostIp }) }] },
            }),
          ],
        }),
      ),
    );
  t.is(ask('udp'), 'b.1 node-1');
  t.is(ask('tcp', '10.0.0.2'), 'b.1 node-1');
  t.is(ask('tcp', '10.0.0.1'), 'b.1: port 53/tcp is already in use on 1 node');
  t.is(ask('tcp'), 'b.1: port 53/tcp is already in use on 1 node');
  t.is(ask('tcp', '0.0.0.0'), 'b.1: port 53/tcp is already in use on 1 node');
});

test('each task on a node gets the first free port of a range', (t) => {
  const tasks = pending('web', 4, {
    task: {
      ports: [{ target: 80, protocol: 'tcp', published: 9000, publishedEnd: 9002, mode: 'host' }],
    },
  });
  const decisions = decide(snapshot({ nodes: nodes(1), tasks }));
  t.deepEqual(
    decisions.map((decision) =>
      decision.kind === 'place'
        ? decision.portSpecs.map((port) => [port.published, port.publishedEnd])
        : decision.explanation.summary,
    ),
    [
      [[9000, undefined]],
      [[9001, undefined]],
      [[9002, undefined]],
      'port 9000-9002/tcp is already in use on 1 node',
    ],
  );
});

test('a container on the host network uses no published ports', (t) => {
  const tasks = pending('web', 2, {
    task: {
      container: { networkMode: { kind: 'host' } },
      ports: [{ target: 80, protocol: 'tcp', published: 80, mode: 'host' }],
    },
  });
  t.is(print(decide(snapshot({ nodes: nodes(1), tasks }))), 'web.1 node-1\nweb.2 node-1');
});

test('the first task of a volume binds it to a node and the others follow', (t) => {
  const tasks = pending('db', 3, { task: { container: { mounts: [mountOf('data')] } } });
  const decisions = decide(snapshot({ nodes: nodes(3), tasks, volumes: [aVolume('data')] }));
  t.is(print(decisions), 'db.1 node-1\ndb.2 node-1\ndb.3 node-1');
  t.deepEqual(
    decisions.map((decision) => (decision.kind === 'place' ? decision.volumeIds : [])),
    [['v-data'], [], []] as never,
  );
  t.is(decisions[1]?.explanation.summary, 'node-1: volume data is on node-1');
});

test('a volume on a down node is named with its node', (t) => {
  const tasks = pending('db', 1, { task: { container: { mounts: [mountOf('data')] } } });
  const decisions = decide(
    snapshot({
      nodes: [aNode('node-1'), aNode('node-3', { state: 'down' })],
      tasks,
      volumes: [aVolume('data', ['node-3'])],
    }),
  );
  t.is(print(decisions), 'db.1: volume data is on node-3, which is down');
});

test('missing volumes and volumes on different nodes are explained', (t) => {
  const ask = (...sources: string[]): string =>
    print(
      decide(
        snapshot({
          nodes: nodes(2),
          tasks: pending('db', 1, { task: { container: { mounts: sources.map(mountOf) } } }),
          volumes: [aVolume('a', ['node-1']), aVolume('b', ['node-2'])],
        }),
      ),
    );
  t.is(ask('a', 'b'), 'db.1: volume a is on node-1, but volume b is on node-2');
  t.is(ask('c'), 'db.1: volume c does not exist');
});

test('a volume whose name is a template binds its task only if it exists', (t) => {
  const tasks = pending('db', 3).map((task) => {
    const mounts = [mountOf(`data-${task.slot}`)];
    const container = { ...task.spec.container, templated: true as const, mounts };
    return { ...task, spec: { ...task.spec, container } };
  });
  t.is(print(decide(snapshot({ nodes: nodes(1), tasks: tasks.slice(0, 1) }))), 'db.1 node-1');
  const volumes = [aVolume('data-1', ['node-2']), aVolume('data-2', ['node-1'])];
  t.is(
    print(decide(snapshot({ nodes: nodes(3), tasks, volumes }))),
    'db.1 node-2\ndb.2 node-1\ndb.3 node-3',
  );
});

test('a network file system volume does not bind tasks to one node', (t) => {
  const volume = aVolume('share', ['node-1']);
  const shared = { ...volume, spec: { ...volume.spec, driverOpts: { type: 'nfs' } } };
  const tasks = pending('web', 2, { task: { container: { mounts: [mountOf('share')] } } });
  const decisions = decide(snapshot({ nodes: nodes(2), tasks, volumes: [shared] }));
  t.is(print(decisions), 'web.1 node-1\nweb.2 node-2');
});

test('a follower runs on the node of the same slot of its leader', (t) => {
  const owner = aService('vpn', { replicas: 2 });
  const tasks = pending('app', 3, {
    task: { container: { networkMode: { kind: 'service', service: 'vpn' } } },
  });
  const owners = [
    aTask(owner, 1, { node: 'node-2' }),
    aTask(owner, 2, { node: 'node-1', state: 'preparing' }),
  ];
  t.is(
    print(decide(snapshot({ nodes: nodes(2), tasks: [...owners, ...tasks] }))),
    [
      'app.1 node-2',
      'app.2 node-1',
      'app.3: it shares the network of vpn.3, which is not placed',
    ].join('\n'),
  );
});

test('max_replicas_per_node limits the replicas on a node', (t) => {
  const tasks = pending('web', 3, { task: { placement: { maxReplicasPerNode: 1 } } });
  t.is(
    print(decide(snapshot({ nodes: nodes(2), tasks }))),
    'web.1 node-1\nweb.2 node-2\nweb.3: limit of 1 replica per node is reached on 2 nodes',
  );
});

test('platforms match across names of an architecture', (t) => {
  const machines = [aNode('node-1', { arch: 'x86_64' }), aNode('node-2', { arch: 'aarch64' })];
  const ask = (platform: string): string =>
    print(
      decide(
        snapshot({
          nodes: machines,
          tasks: pending('web', 1, { task: { container: { platform } } }),
        }),
      ),
    );
  t.is(ask('linux/arm64/v8'), 'web.1 node-2');
  t.is(ask('linux/amd64'), 'web.1 node-1');
  t.is(ask('linux/s390x'), 'web.1: platform is not linux/s390x on 2 nodes');
});

test('filters also apply to a task that is bound to a node', (t) => {
  const service = aService('agent', { global: true, task: { memoryBytes: 2 * gib } });
  const bound = (node: string, slot: number): Task => ({
    ...aTask(service, slot, { node, state: 'pending' }),
  });
  const machines = [aNode('node-1'), aNode('node-2', { memoryBytes: gib })];
  t.is(
    print(decide(snapshot({ nodes: machines, tasks: [bound('node-1', 1), bound('node-2', 2)] }))),
    'agent.1 node-1\nagent.2: it is bound to node-2, which has insufficient memory (2 GiB requested, 1 GiB free)',
  );
});

test('an invalid constraint is the explanation', (t) => {
  const tasks = pending('web', 1, { task: { placement: { constraints: ['disk == ssd'] } } });
  t.regex(
    print(decide(snapshot({ nodes: nodes(1), tasks }))),
    /^web\.1: constraint "disk == ssd": unknown key disk/,
  );
});

test('a node that recently rejected the service comes last with its error', (t) => {
  const service = aService('web');
  const refused = aTask(service, 1, {
    id: 'old',
    node: 'node-1',
    desired: 'shutdown',
    status: { state: 'rejected', error: 'no such image: web' },
  });
  const decisions = decide(snapshot({ nodes: nodes(2), tasks: [refused, aTask(service, 1)] }));
  t.is(print(decisions), 'web.1 node-2');
  t.deepEqual(decisions[0]?.explanation.reasons, ['tried on node-1: no such image: web']);
  const later = decide(
    snapshot({ nodes: nodes(2), tasks: [refused, aTask(service, 1)], now: 6 * 60_000 }),
  );
  t.is(print(later), 'web.1 node-1');
});

test('a spread preference balances label values regardless of their node counts', (t) => {
  const machines = [
    ...[1, 2, 3, 4].map((at) => aNode(`a-${at}`, { labels: { zone: 'a' } })),
    aNode('b-1', { labels: { zone: 'b' } }),
  ];
  const tasks = pending('web', 4, { task: { placement: { preferences: ['node.labels.zone'] } } });
  t.is(
    print(decide(snapshot({ nodes: machines, tasks }))),
    'web.1 a-1\nweb.2 b-1\nweb.3 a-2\nweb.4 b-1',
  );
});

test('a spread preference uses other values when one is full', (t) => {
  const machines = [
    aNode('a-1', { labels: { zone: 'a' } }),
    aNode('b-1', { labels: { zone: 'b' }, memoryBytes: 2 * gib }),
  ];
  const tasks = pending('web', 4, {
    task: { memoryBytes: 2 * gib, placement: { preferences: ['node.labels.zone'] } },
  });
  t.is(
    print(decide(snapshot({ nodes: machines, tasks }))),
    'web.1 a-1\nweb.2 b-1\nweb.3 a-1\nweb.4 a-1',
  );
});

test('binpack chooses the fullest node that fits', (t) => {
  const other = aTask(aService('other', { task: { memoryBytes: gib } }), 1, { node: 'node-2' });
  const tasks = pending('web', 3, { task: { memoryBytes: 3 * gib } });
  t.is(
    print(decide(snapshot({ nodes: nodes(3), tasks: [other, ...tasks], strategy: 'binpack' }))),
    'web.1 node-2\nweb.2 node-2\nweb.3 node-1',
  );
});

test('random placements depend only on the seed', (t) => {
  const ask = (seed: number): string =>
    print(
      decide(snapshot({ nodes: nodes(5), tasks: pending('web', 20), strategy: 'random', seed })),
    );
  t.is(ask(7), ask(7));
  t.not(ask(7), ask(8));
});

test('tasks that are unwanted or not yet pending are not placed', (t) => {
  const service = aService('web');
  const tasks = [
    aTask(service, 1, { desired: 'shutdown' }),
    aTask(service, 2, { state: 'new' }),
    aTask(service, 3, { node: 'node-1', state: 'running' }),
  ];
  t.deepEqual(decide(snapshot({ nodes: nodes(1), tasks })), []);
});
