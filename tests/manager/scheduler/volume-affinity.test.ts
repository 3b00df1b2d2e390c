import test from 'ava';
import type { NodeOptions, ServiceOptions } from '../../../fixtures/cluster/build.js';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { MountSpec } from '../../../manager/common/model/container.js';
import type { Task } from '../../../manager/common/model/task.js';
import { decide } from '../../../manager/scheduler/decide.js';
import { gib, print, snapshot } from '../../helpers/decisions/placement.js';

const unnamed: MountSpec = { type: 'volume', target: '/data', readOnly: false, noCopy: false };

interface Scene {
  /** The service of the new task; the previous one has the same unless `before` is given. */
  readonly service?: ServiceOptions;
  readonly before?: ServiceOptions;
  readonly previous?: Partial<Parameters<typeof aTask>[2]>;
  /** Changes of node-2, which has the volumes. */
  readonly node?: NodeOptions;
  readonly others?: readonly Task[];
}

const withVolume: ServiceOptions = { task: { container: { mounts: [unnamed] } } };

/** A new task of a slot whose previous task ran on node-2; node-1 is the strategy's choice. */
function decisionsOf({ service = withVolume, before, previous, node, others = [] }: Scene) {
  const old = aTask(aService('db', before ?? service), 1, {
    ...{ id: 'old', node: 'node-2', desired: 'shutdown', state: 'shutdown' },
    ...previous,
    status: { containerId: 'c1', startedAt: 1, ...previous?.status },
  });
  const next = aTask(aService('db', service), 1, { id: 'new', createdAt: 10 });
  const nodes = [aNode('node-1'), aNode('node-2', node), aNode('node-3')];
  return decide(snapshot({ nodes, tasks: [old, next, ...others] }));
}

const fromImage: Scene = {
  service: {},
  previous: { status: { anonymousVolumes: ['/data'] } },
};

test('a slot returns to the node of its anonymous volumes, with the reason', (t) => {
  const [decision] = decisionsOf({});
  t.is(print(decision === undefined ? [] : [decision]), 'new node-2');
  t.is(decision?.explanation.summary, 'node-2: its anonymous volume /data is on node-2');
  t.is(print(decisionsOf(fromImage)), 'new node-2');
});

test('a slot without anonymous volumes goes where the strategy says', (t) => {
  t.is(print(decisionsOf({ service: {} })), 'new node-1');
});

test('a volume of the file waits for its node, one of the image does not', (t) => {
  const down = { state: 'down' } as const;
  t.is(
    print(decisionsOf({ node: down })),
    'new: its anonymous volume /data is on node-2, which is down',
  );
  t.is(print(decisionsOf({ ...fromImage, node: down })), 'new node-1');
  const drained = { availability: 'drain' } as const;
  t.is(
    print(decisionsOf({ node: drained })),
    'new: its anonymous volume /data is on node-2, which is drained',
  );
  t.is(print(decisionsOf({ ...fromImage, node: drained })), 'new node-1');
});

test('a volume of the image does not hold a task on a node that no longer fits', (t) => {
  const service = { task: { placement: { constraints: ['node.labels.disk == ssd'] } } };
  const label = [aNode('node-1', { labels: { disk: 'ssd' } })];
  const [old, next] = [
    aTask(aService('db'), 1, {
      ...{ id: 'old', node: 'node-2', desired: 'shutdown', state: 'shutdown' },
      status: { containerId: 'c1', startedAt: 1, anonymousVolumes: ['/data'] },
    }),
    aTask(aService('db', service), 1, { id: 'new', createdAt: 10 }),
  ] as const;
  const nodes = [...label, aNode('node-2')];
  t.is(print(decide(snapshot({ nodes, tasks: [old, next] }))), 'new node-1');
});

test('the previous task does not stand in the way of its own successor', (t) => {
  const large = { memoryBytes: 5 * gib };
  const service = { task: { ...large } };
  const previous = { desired: 'running', state: 'running' } as const;
  const scene = {
    ...{ service, node: { memoryBytes: 8 * gib } },
    previous: { ...previous, status: { anonymousVolumes: ['/data'] } },
  };
  const [decision] = decisionsOf(scene);
  t.is(decision?.kind, 'postpone');
  t.is(decision?.explanation.awaits, 'predecessor');
});

test('volumes are free to go after a renewal', (t) => {
  const task = (volumesRenewedAt: number) => ({
    task: { container: { mounts: [unnamed], volumesRenewedAt } },
  });
  t.is(print(decisionsOf({ before: task(1), service: task(2) })), 'new node-1');
  t.is(print(decisionsOf({ before: task(2), service: task(2) })), 'new node-2');
  t.is(print(decisionsOf({ before: task(2), service: task(1) })), 'new node-2');
});

test('the volumes of a removed node bind nothing', (t) => {
  t.is(print(decisionsOf({ previous: { node: 'gone' } })), 'new node-1');
});

test('a container that never started binds nothing', (t) => {
  const never = { status: { state: 'failed', startedAt: undefined } } as never;
  t.is(print(decisionsOf({ previous: never })), 'new node-1');
  t.is(
    print(decisionsOf({ previous: { status: { containerId: undefined } as never } })),
    'new node-1',
  );
});

test('a path with a named volume needs no anonymous one', (t) => {
  const service = { task: { container: { mounts: [{ ...unnamed, type: 'tmpfs' } as MountSpec] } } };
  t.is(print(decisionsOf({ ...fromImage, service, before: {} })), 'new node-1');
});

test('each slot of a service returns to its own node', (t) => {
  const service = aService('db', withVolume);
  const slots = [3, 1, 2].flatMap((node, at) => [
    aTask(service, at + 1, {
      ...{ id: `old.${at + 1}`, node: `node-${node}`, desired: 'shutdown', state: 'shutdown' },
      status: { containerId: `c${at}`, startedAt: 1 },
    }),
    aTask(service, at + 1, { id: `new.${at + 1}`, createdAt: 10 }),
  ]);
  const nodes = ['node-1', 'node-2', 'node-3'].map((name) => aNode(name));
  const decisions = decide(snapshot({ nodes, tasks: slots }));
  t.is(print(decisions), 'new.1 node-3\nnew.2 node-1\nnew.3 node-2');
});

test('a leader goes to the anonymous volume of its follower', (t) => {
  const follower = aService('app', {
    task: {
      container: { mounts: [unnamed], networkMode: { kind: 'service', service: 'db' } },
    },
  });
  const running = aTask(follower, 1, { node: 'node-2', status: { containerId: 'c2' } });
  const decisions = decisionsOf({ service: {}, others: [running] });
  t.is(print(decisions), 'new node-2');
  t.is(decisions[0]?.explanation.summary, "node-2: app.1's anonymous volume /data is on node-2");
});
