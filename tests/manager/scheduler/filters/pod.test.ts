import test from 'ava';
import type { TaskSpecOptions } from '../../../../fixtures/cluster/build.js';
import { aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';
import type { Task } from '../../../../manager/common/model/task.js';
import { decide } from '../../../../manager/scheduler/decide.js';
import { gib, print, snapshot } from '../../../helpers/decisions/placement.js';

/** Places a leader with 4 GiB and 2 CPUs and its follower on a node with 8 GiB and 4 CPUs. */
function place(follower: TaskSpecOptions): string {
  const leader = aService('vpn', { task: { memoryBytes: 4 * gib, nanoCpus: 2e9 } });
  const networkMode = { kind: 'service', service: 'vpn' } as const;
  const app = aService('app', {
    task: { ...follower, container: { ...follower.container, networkMode } },
  });
  const tasks = [aTask(leader, 1), aTask(app, 1)];
  return print(decide(snapshot({ nodes: [aNode('node-1', { labels: { disk: 'ssd' } })], tasks })));
}

test('a leader and its follower fill a node to the last byte and CPU', (t) => {
  t.is(place({ memoryBytes: 4 * gib, nanoCpus: 2e9 }), 'vpn.1 node-1\napp.1 node-1');
});

test('a leader waits for room for its whole pod', (t) => {
  t.regex(
    place({ memoryBytes: 4 * gib + 1 }),
    /^vpn\.1: insufficient memory for the whole pod on 1 node\n/,
  );
  t.regex(place({ nanoCpus: 2e9 + 1 }), /^vpn\.1: insufficient CPU for the whole pod on 1 node\n/);
});

test('a leader goes only where the constraints and the platform of its follower hold', (t) => {
  t.regex(
    place({ placement: { constraints: ['node.labels.disk == hdd'] } }),
    /^vpn\.1: node\.labels\.disk != hdd on 1 node\n/,
  );
  t.regex(
    place({ container: { platform: 'linux/arm64' } }),
    /^vpn\.1: platform is not linux\/arm64/,
  );
  t.is(
    place({ placement: { constraints: ['node.labels.disk == ssd'] } }),
    'vpn.1 node-1\napp.1 node-1',
  );
});

test('a pod is placed as a whole before the next leader takes its room', (t) => {
  const leader = aService('vpn', { task: { memoryBytes: 2 * gib } });
  const networkMode = { kind: 'service', service: 'vpn' } as const;
  const app = aService('app', { task: { memoryBytes: 2 * gib, container: { networkMode } } });
  const tasks = [1, 2].flatMap((slot) => [aTask(leader, slot), aTask(app, slot)]);
  const nodes = [aNode('node-1', { memoryBytes: 6 * gib })];
  t.is(
    print(decide(snapshot({ nodes, tasks }))),
    [
      'vpn.1 node-1',
      'app.1 node-1',
      'vpn.2: insufficient memory for the whole pod on 1 node',
      'app.2: it shares the network of vpn.2, which is not placed',
    ].join('\n'),
  );
});

test('a leader whose network is shared must run, even if its container is there', (t) => {
  const networkMode = { kind: 'service', service: 'vpn' } as const;
  const app = aTask(aService('app', { task: { container: { networkMode } } }), 1);
  const ask = (status: Partial<Task['status']>): string => {
    const leader = aTask(aService('vpn'), 1, { node: 'node-1', status });
    return print(decide(snapshot({ nodes: [aNode('node-1')], tasks: [leader, app] })));
  };
  t.is(ask({ state: 'running' }), 'app.1 node-1');
  t.is(
    ask({ state: 'failed', containerId: 'c' }),
    'app.1: it shares the network of vpn.1, which is not running',
  );
});
