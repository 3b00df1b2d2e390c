import test from 'ava';
import type { NodeOptions, ServiceOptions } from '../../../fixtures/cluster/build.js';
import { aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import type { Volume } from '../../../manager/model/network.js';
import type { Task } from '../../../manager/model/task.js';
import type { Decision } from '../../../manager/scheduler/decide.js';
import { decide } from '../../../manager/scheduler/decide.js';
import type { SchedulerSnapshot } from '../../../manager/scheduler/node-set.js';

const gib = 2 ** 30;

function snapshot(changes: Partial<SchedulerSnapshot>): SchedulerSnapshot {
  return { nodes: [], tasks: [], volumes: [], now: 0, strategy: 'spread', seed: 1, ...changes };
}

function nodes(count: number, options: NodeOptions = {}): SchedulerSnapshot['nodes'] {
  return Array.from({ length: count }, (_, at) => aNode(`node-${at + 1}`, options));
}

function pending(name: string, count: number, options: ServiceOptions = {}): Task[] {
  const service = aService(name, options);
  return Array.from({ length: count }, (_, at) => aTask(service, at + 1));
}

/** `web.1 node-2` or `web.2: reason`, one line a decision. */
function print(decisions: readonly Decision[]): string {
  return decisions
    .map((decision) =>
      decision.kind === 'place'
        ? `${decision.taskId} ${decision.nodeName}`
        : `${decision.taskId}: ${decision.words.summary}`,
    )
    .join('\n');
}

const mount = (source: string) =>
  ({ type: 'volume', source, target: '/data', readOnly: false, noCopy: false }) as const;

test('a leader goes only where those that follow it fit, too, and they follow at once', (t) => {
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
      'web.1: insufficient memory for all that runs together on 1 node',
      'side.1: it shares the network of web.1, which has no node',
    ].join('\n'),
  );
});

test('constraints, ports and volumes of those that follow count for the leader', (t) => {
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
  const withData = follower({ task: { container: { mounts: [mount('data')] } } });
  t.is(ask(withData, [aVolume('data', ['node-2'])]), 'web.1 node-2\nside.1 node-2');
});

test('the volumes of a container that has ended can be shared where it is', (t) => {
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
