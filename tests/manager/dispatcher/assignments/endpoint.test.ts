import test from 'ava';
import { aNode, aService, aTask, type TaskOptions } from '../../../../fixtures/cluster/build.js';
import type { NetworkId, NodeId } from '../../../../manager/common/model/ids.js';
import type { Node } from '../../../../manager/common/model/node.js';
import type { TaskStatus } from '../../../../manager/common/model/task.js';
import {
  endpointOf,
  isResolvable,
  sameEndpoint,
} from '../../../../manager/dispatcher/assignments/endpoint.js';

const [front, back] = ['n-front' as NetworkId, 'n-back' as NetworkId];
const node = aNode('w1', { address: '192.0.2.7' });
const unknown = aNode('w1', { state: 'unknown' });
const silent: Node = { ...unknown, status: { ...unknown.status, engine: 'silent' } };
const attachment = {
  ...{ networkId: front, network: 'front', address: '10.0.0.9', mac: '02:00:00:00:00:09' },
  aliases: ['www', 'demo-web-1'],
};

const aRunningTask = (status: Partial<TaskStatus> = {}, options: TaskOptions = {}) =>
  aTask(aService('web'), 1, {
    node: 'w1',
    status: { startedAt: 5, ...status },
    attachments: [attachment],
    ...options,
  });
const resolves = (status: Partial<TaskStatus>, on = node, options: TaskOptions = {}): boolean =>
  isResolvable(aRunningTask(status, options), on);

test('DNS answers with running tasks that are healthy or have no health check', (t) => {
  t.true(resolves({}));
  t.true(resolves({ health: 'healthy' }));
  t.false(resolves({ health: 'starting' }));
  t.false(resolves({ health: 'unhealthy' }));
});

test('DNS leaves out tasks that are starting, restarting, paused or ended', (t) => {
  t.false(resolves({ state: 'starting' }));
  t.false(resolves({ startedAt: undefined as never }));
  t.false(resolves({ paused: true }));
  t.true(resolves({ paused: false }));
  t.false(resolves({ state: 'failed' }));
});

test('DNS leaves out tasks that are to stop, whatever is known about their node', (t) => {
  for (const desired of ['shutdown', 'remove'] as const) {
    for (const on of [node, unknown, silent]) t.false(resolves({}, on, { desired }));
  }
});

test('on a node that has not reported yet, started tasks are assumed to be up', (t) => {
  t.true(resolves({ state: 'assigned', startedAt: undefined as never }, unknown));
  t.true(resolves({ health: 'unhealthy' }, unknown));
  t.false(resolves({ state: 'assigned' }, unknown, { desired: 'ready' }));
});

test('containers of a silent engine run on as reported, unreported ones are assumed to be up', (t) => {
  t.true(resolves({}, silent));
  t.false(resolves({ health: 'unhealthy' }, silent));
  t.true(resolves({ state: 'assigned' }, silent));
});

const endpoint = (options: TaskOptions = {}, on: Node | undefined = node, isLost = false) =>
  endpointOf(aRunningTask({}, options), on, front, isLost);

test('an endpoint tells where a task is reached and under which names', (t) => {
  t.deepEqual(endpoint(), {
    id: 'web.1/n-front',
    networkId: front,
    taskId: aRunningTask().id,
    nodeId: 'w1' as NodeId,
    vtep: '192.0.2.7',
    address: '10.0.0.9',
    mac: '02:00:00:00:00:09',
    project: 'demo',
    service: 'web',
    slot: 1,
    aliases: ['www', 'demo-web-1'],
    up: true,
  });
});

test('a task has no endpoint on other networks, on a down or missing node, or once it has ended', (t) => {
  t.is(endpointOf(aRunningTask(), node, back, false), undefined);
  t.is(endpoint({}, aNode('w1', { state: 'down' })), undefined);
  t.is(endpointOf(aRunningTask(), undefined, front, false), undefined);
  t.is(endpoint({ state: 'failed' }), undefined);
  t.is(endpoint({ state: 'pending' }), undefined);
});

test('a task that stops keeps its endpoint without a name, unless its node was lost', (t) => {
  for (const desired of ['shutdown', 'remove'] as const) {
    t.false(endpoint({ desired })?.up);
    t.is(endpoint({ desired }, node, true), undefined);
  }
  t.true(endpoint({}, node, true)?.up, 'a lost task that is still wanted is reached');
});

test('endpoints differ if anything that may change has changed', (t) => {
  const one = endpoint();
  if (one === undefined) return t.fail('no endpoint');
  t.true(sameEndpoint(one, { ...one, aliases: [...one.aliases] }));
  const changes: Readonly<Record<string, Partial<typeof one>>> = {
    up: { up: false },
    vtep: { vtep: '192.0.2.8' },
    address: { address: '10.0.0.8' },
    mac: { mac: '02:00:00:00:00:08' },
    node: { nodeId: 'w2' as NodeId },
    aliases: { aliases: ['www'] },
  };
  const unseen = Object.keys(changes).filter((key) =>
    sameEndpoint(one, { ...one, ...changes[key] }),
  );
  t.deepEqual(unseen, []);
});
