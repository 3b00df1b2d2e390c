import test from 'ava';
import fc from 'fast-check';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { applyCatalogOperations, decideCatalog } from '../../../manager/catalog/decide.js';
import type { CatalogEntries, CatalogOperation } from '../../../manager/store/catalog.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { NetworkId } from '../../../manager/common/model/ids.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { StoreView, TableName, Tables } from '../../../manager/store/store.js';

const cluster = { id: 'c1', name: 'prod' };
const nothing: CatalogEntries = { nodes: new Map(), services: new Map(), foreign: new Set() };

function view(nodes: readonly Node[], tasks: readonly Task[]): Pick<StoreView, 'list'> {
  return {
    list: <Name extends TableName>(table: Name): readonly Tables[Name][] =>
      (table === 'nodes' ? nodes : table === 'tasks' ? tasks : []) as readonly Tables[Name][],
  };
}

function described(operation: CatalogOperation): string {
  switch (operation.kind) {
    case 'put-node':
      return `node ${operation.node.name} ${operation.node.healthy ? 'up' : 'down'}`;
    case 'put-service': {
      const { name, address, port, healthy, tags } = operation.service;
      return `${name} ${address}:${String(port)} ${tags.join(',')} ${healthy ? 'up' : 'down'}`;
    }
    case 'remove-service':
      return `remove ${operation.id}`;
    case 'remove-node':
      return `remove node ${operation.name}`;
  }
}

const lines = (operations: readonly CatalogOperation[]): readonly string[] =>
  operations.map(described);

const web = aService('web_1', { task: { ports: [{ target: 80, protocol: 'tcp', mode: 'host' }] } });
const node = aNode('n1', { address: '10.0.0.1' });
const attachments = [
  {
    networkId: 'n' as NetworkId,
    network: 'demo_default',
    address: '172.20.0.5',
    mac: '',
    aliases: [],
  },
];
const running = { startedAt: 1, health: 'healthy' } as const;
const task = aTask(web, 1, {
  node: 'n1',
  attachments,
  status: {
    ...running,
    ports: [{ target: 80, protocol: 'tcp', hostIp: '0.0.0.0', published: 8080 }],
  },
});

test('a running task is listed by overlay address and its port by node address', (t) => {
  t.deepEqual(lines(decideCatalog(view([node], [task]), nothing, cluster)), [
    'node shoal-prod-n1 up',
    'shoal-node 10.0.0.1:0 prod,worker up',
    'web-1 172.20.0.5:80 demo,slot-1 up',
    'web-1-published 10.0.0.1:8080 demo,slot-1,tcp-80 up',
  ]);
});

test('restarting, starting and unhealthy tasks and tasks of a down node are unhealthy', (t) => {
  const healthOf = (status: Partial<Task['status']>): string | undefined =>
    lines(
      decideCatalog(view([node], [aTask(web, 1, { node: 'n1', status })]), nothing, cluster),
    ).find((line) => line.startsWith('web-1 '));
  t.regex(healthOf({}) ?? '', /down$/u);
  t.regex(healthOf({ startedAt: 1, health: 'starting' }) ?? '', /down$/u);
  t.regex(healthOf({ startedAt: 1, health: 'unhealthy' }) ?? '', /down$/u);
  t.regex(healthOf({ startedAt: 1 }) ?? '', /up$/u);
  const lost = aNode('n1', { state: 'down' });
  t.is(lines(decideCatalog(view([lost], []), nothing, cluster))[0], 'node shoal-prod-n1 down');
});

test('ended tasks and removed nodes are deregistered', (t) => {
  const seen = applyCatalogOperations(
    nothing,
    decideCatalog(view([node], [task]), nothing, cluster),
  );
  const ended = { ...task, status: { ...task.status, state: 'complete' } as const };
  t.deepEqual(lines(decideCatalog(view([node], [ended]), seen, cluster)), [
    'remove shoal-task-web_1.1',
    'remove shoal-port-web_1.1-8080-tcp',
  ]);
  t.deepEqual(
    lines(decideCatalog(view([], []), seen, cluster)).at(-1),
    'remove node shoal-prod-n1',
  );
});

test('tasks of a node in state unknown stay listed', (t) => {
  const seen = applyCatalogOperations(
    nothing,
    decideCatalog(view([node], [task]), nothing, cluster),
  );
  const unknown = aNode('n1', { address: '10.0.0.1', state: 'unknown' });
  const stored = { ...task, status: { state: 'assigned', at: 0, message: '' } as const };
  t.deepEqual(decideCatalog(view([unknown], [stored]), seen, cluster), []);
  t.deepEqual(lines(decideCatalog(view([unknown], []), seen, cluster)), [
    'remove shoal-task-web_1.1',
    'remove shoal-port-web_1.1-8080-tcp',
  ]);
});

test('a foreign node is left alone and a node with foreign services is kept', (t) => {
  const taken = { ...nothing, foreign: new Set(['shoal-prod-n1']) };
  t.deepEqual(decideCatalog(view([node], [task]), taken, cluster), []);
  const seen = applyCatalogOperations(nothing, decideCatalog(view([node], []), nothing, cluster));
  const shared = { ...seen, foreign: new Set(['shoal-prod-n1']) };
  t.deepEqual(lines(decideCatalog(view([], []), shared, cluster)), ['remove shoal-node-n1']);
});

test('deciding again after the operations gives no more operations', (t) => {
  const states = ['assigned', 'running', 'complete', 'failed'] as const;
  const tasks = fc.array(
    fc.record({
      slot: fc.integer({ min: 1, max: 5 }),
      node: fc.constantFrom('n1', 'n2', 'n3'),
      state: fc.constantFrom(...states),
      healthy: fc.boolean(),
    }),
    { maxLength: 8 },
  );
  const nodes = fc.subarray(['n1', 'n2', 'n3']);
  const worlds = fc.record({ tasks, nodes });
  const viewOf = (world: {
    readonly tasks: readonly {
      readonly slot: number;
      readonly node: string;
      readonly state: (typeof states)[number];
      readonly healthy: boolean;
    }[];
    readonly nodes: readonly string[];
  }): Pick<StoreView, 'list'> =>
    view(
      world.nodes.map((id) => aNode(id)),
      world.tasks.map(({ slot, node: on, state, healthy }, index) =>
        aTask(web, slot, {
          id: `t${String(index)}`,
          node: on,
          state,
          status: { startedAt: 1, health: healthy ? 'healthy' : 'unhealthy' },
        }),
      ),
    );
  fc.assert(
    fc.property(worlds, worlds, (before, after) => {
      const seen = applyCatalogOperations(nothing, decideCatalog(viewOf(before), nothing, cluster));
      const done = applyCatalogOperations(seen, decideCatalog(viewOf(after), seen, cluster));
      t.deepEqual(decideCatalog(viewOf(after), done, cluster), []);
    }),
    { numRuns: 100 },
  );
});
