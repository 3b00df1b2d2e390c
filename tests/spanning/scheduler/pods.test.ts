import test from 'ava';
import { aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import type { Volume } from '../../../manager/common/model/network.js';
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

test('a leader is placed only where its followers fit and they follow at once', (t) => {
  const machines = [
    aNode('node-1', { memoryBytes: 4 * gib }),
    aNode('node-2', { memoryBytes: 8 * gib }),
  ];
  const web = pending('web', 1, { task: { memoryBytes: 3 * gib } });
  const tied = { networkMode: { kind: 'service', service: 'web' } } as const;
  const side = pending('side', 1, { task: { container: tied, memoryBytes: 3 * gib } });
  t.is(
    print(decide(snapshot({ nodes: machines, tasks: [...side, ...web] }))),
    'web.1 node-2\nside.1 node-2',
  );
  const nowhere = decide(snapshot({ nodes: machines.slice(0, 1), tasks: [...web, ...side] }));
  t.is(
    print(nowhere),
    [
      'web.1: insufficient memory for the whole pod on 1 node',
      'side.1: it shares the network of web.1, which is not placed',
    ].join('\n'),
  );
});

test('constraints, ports and volumes of followers count for the leader', (t) => {
  const web = pending('web', 1);
  const follower = (task: Parameters<typeof pending>[2]) =>
    pending('side', 1, {
      task: {
        ...task?.task,
        container: { ...task?.task?.container, pidService: 'web' },
      },
    });
  const ask = (side: readonly Task[], volumes: readonly Volume[] = []): string =>
    print(decide(snapshot({ nodes: nodes(3), tasks: [...web, ...side], volumes })));
  const constrained = follower({
    task: { placement: { constraints: ['node.hostname == node-3'] } },
  });
  t.is(ask(constrained), 'web.1 node-3\nside.1 node-3');
  const withData = follower({ task: { container: { mounts: [mountOf('data')] } } });
  t.is(ask(withData, [aVolume('data', ['node-2'])]), 'web.1 node-2\nside.1 node-2');
});

test('a follower can share the volumes of an ended leader on its node', (t) => {
  const data = aService('data');
  const side = pending('side', 1, {
    task: { container: { volumesFrom: [{ service: 'data', readOnly: false }] } },
  });
  const ended = aTask(data, 1, {
    node: 'node-2',
    state: 'complete',
    status: { state: 'complete', containerId: 'c1' },
  });
  t.is(print(decide(snapshot({ nodes: nodes(2), tasks: [ended, ...side] }))), 'side.1 node-2');
});

test('a follower bound to a node waits until its leader is placed there', (t) => {
  const [machine] = nodes(1, { memoryBytes: 2 * gib });
  const onNode = (tasks: readonly Task[]): Task[] =>
    tasks.map((task) => ({ ...task, ...(machine && { nodeId: machine.id }) }));
  const web = onNode(pending('web', 1, { task: { memoryBytes: 3 * gib } }));
  const tied = { networkMode: { kind: 'service', service: 'web' } } as const;
  const side = onNode(pending('side', 1, { task: { container: tied, memoryBytes: gib } }));
  const decisions = decide(
    snapshot({ nodes: nodes(1, { memoryBytes: 2 * gib }), tasks: [...side, ...web] }),
  );
  t.true(decisions.every(({ kind }) => kind === 'postpone'));
  t.regex(print(decisions), /side.1: it shares the network of web.1, which is not placed/);
});
