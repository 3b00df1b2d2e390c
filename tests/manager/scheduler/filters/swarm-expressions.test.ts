import test from 'ava';
import { aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';
import type { Labels } from '../../../../manager/common/model/meta.js';
import { extractExpressions } from '../../../../manager/common/model/swarm-expression.js';
import { decide } from '../../../../manager/scheduler/decide.js';
import { pending, print, snapshot } from '../../../helpers/decisions/placement.js';

const nodes = [
  aNode('node-1', { labels: { storage: 'ssd' } }),
  aNode('node-2', { labels: { storage: 'disk' } }),
  aNode('node-3'),
];

/** A client's container with these variables, on a cluster where `db` is on node-2. */
function place(env: readonly string[], labels: Labels = {}): string {
  const db = aService('db', {
    task: { container: { image: 'redis:7', labels: { tier: 'data' } } },
  });
  const running = aTask(db, 1, { node: 'node-2', status: { containerId: 'f'.repeat(64) } });
  const container = {
    origin: { autoRemove: false },
    labels: extractExpressions(env, labels).labels,
  };
  const created = pending('web', 1, { task: { container } });
  return print(decide(snapshot({ nodes, tasks: [running, ...created] })));
}

test('a constraint selects nodes by name, id and label', (t) => {
  t.is(place([]), 'web.1 node-1');
  t.is(place(['constraint:node==node-3']), 'web.1 node-3');
  t.is(place(['constraint:storage==disk']), 'web.1 node-2');
  t.is(place(['constraint:storage!=ssd', 'constraint:storage!=disk']), 'web.1 node-3');
  t.is(place([], { 'com.docker.swarm.constraints': '["node==/3$/"]' }), 'web.1 node-3');
  t.is(place(['constraint:ostype==linux']), 'web.1 node-1');
});

test('an affinity selects nodes by the containers on them', (t) => {
  t.is(place(['affinity:container==db-1']).replace(/ .*/u, ''), 'web.1:');
  t.is(place([`affinity:container==${'f'.repeat(12)}`]), 'web.1 node-2');
  t.is(place(['affinity:image==redis']), 'web.1 node-2');
  t.is(place(['affinity:image==redis:7']), 'web.1 node-2');
  t.is(place(['affinity:tier==data']), 'web.1 node-2');
  t.is(place(['affinity:tier!=data', 'constraint:storage!=ssd']), 'web.1 node-3');
});

test('an affinity sees the containers that the same decision has placed', (t) => {
  const created = ['app', 'agent'].flatMap((name) => {
    const env = name === 'app' ? ['constraint:node==node-3'] : ['affinity:image==app:1'];
    const { labels } = extractExpressions(env, {});
    const container = { image: `${name}:1`, origin: { autoRemove: false }, labels };
    return pending(name, 1, { task: { container } });
  });
  const tasks = created.map((task, at) => ({ ...task, createdAt: at }));
  t.is(print(decide(snapshot({ nodes, tasks }))), 'app.1 node-3\nagent.1 node-3');
});

test('soft expressions are dropped together if no node satisfies all', (t) => {
  t.is(place(['affinity:image==~redis']), 'web.1 node-2');
  t.is(place(['affinity:image==~nosuch', 'constraint:storage==~disk']), 'web.1 node-1');
  t.is(place(['constraint:node==~nosuch', 'constraint:node==node-3']), 'web.1 node-3');
});

test('a refusal names the expression and the nodes', (t) => {
  t.is(place(['constraint:node==node-9']), 'web.1: no constraint node==node-9 on 3 nodes');
});

test('a node with as many containers as slots takes no more', (t) => {
  const full = { engineLabels: { containerslots: '1' } };
  const description = (name: string): (typeof nodes)[number] => {
    const node = aNode(name);
    return { ...node, description: { ...node.description, ...full } };
  };
  const busy = aTask(aService('db'), 1, { node: 'node-1' });
  const container = { origin: { autoRemove: false } };
  const tasks = [busy, ...pending('web', 1, { task: { container } })];
  const input = { nodes: [description('node-1'), description('node-2')], tasks };
  t.is(print(decide(snapshot(input))), 'web.1 node-2');
  t.is(
    print(decide(snapshot({ ...input, nodes: [description('node-1')] }))),
    'web.1: no available container slot on 1 node',
  );
});
