import test from 'ava';
import fc from 'fast-check';
import { aNetwork, aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import type { LeaseId, NetworkId, NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { Lease } from '../../../manager/common/model/network.js';
import { addressLeaseId, portLeaseId } from '../../../manager/common/model/network.js';
import { TableView } from '../../../manager/store/query.js';
import type { StoreChange } from '../../../manager/store/store.js';
import { tableNames } from '../../../manager/store/table-definitions.js';
import { TableSet } from '../../../manager/store/tables.js';

const meta = { version: 1, createdAt: 0, updatedAt: 0 };

function added(change: Pick<StoreChange, 'table' | 'after'>): StoreChange {
  return { ...change, id: change.after?.id ?? '' } as StoreChange;
}

function viewOf(tables: TableSet): TableView {
  return new TableView(tables, () => 7);
}

type Named = ReturnType<typeof aNetwork>;

const anyNetwork: fc.Arbitrary<Named> = fc
  .record({ id: fc.constantFrom('1', '2', '3', '4'), name: fc.constantFrom('a', 'b', 'c') })
  .map(({ id, name }) => ({ ...aNetwork(name), id: id as NetworkId }));

const anySteps = fc.array(fc.record({ network: anyNetwork, removes: fc.boolean() }), {
  maxLength: 15,
});

function everything(tables: TableSet): unknown {
  return [
    tables.list('networks'),
    tables.count('networks'),
    ['1', '2', '3', '4'].map((id) => tables.get('networks', id)),
    ['a', 'b', 'c'].map((name) => tables.byName('networks', name)),
  ];
}

test('lists, counts, ids and names agree after any changes, and reverting them restores all', (t) => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const tables = new TableSet();
      const model = new Map<string, Named>();
      const applied: { readonly change: StoreChange; readonly before: unknown }[] = [];
      for (const { network, removes } of steps) {
        const holder = [...model.values()].find(({ spec }) => spec.name === network.spec.name);
        // The store refuses a second object with the same name.
        if (!removes && holder !== undefined && holder.id !== network.id) continue;
        const before = model.get(network.id);
        const after = removes ? undefined : network;
        const change = { table: 'networks', id: network.id, before, after } as const;
        applied.push({ change, before: everything(tables) });
        tables.apply(change);
        if (after === undefined) model.delete(network.id);
        else model.set(network.id, after);
        const sorted = [...model.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
        t.deepEqual(tables.list('networks'), sorted);
        t.is(tables.count('networks'), model.size);
        for (const name of ['a', 'b', 'c']) {
          const named = sorted.find(({ spec }) => spec.name === name);
          t.is(tables.byName('networks', name), named);
        }
      }
      for (const { change, before } of applied.toReversed()) {
        tables.revert(change);
        t.deepEqual(everything(tables), before);
      }
    }),
  );
});

test('objects that swap their names in one batch are both found, in either direction', (t) => {
  const tables = new TableSet();
  const [a, b] = [aNetwork('a'), aNetwork('b')];
  const named = (network: Named, name: string): Named => ({
    ...network,
    spec: { ...network.spec, name },
  });
  const changes = [
    { table: 'networks', id: b.id, before: b, after: named(b, 'a') },
    { table: 'networks', id: a.id, before: a, after: named(a, 'b') },
  ] as const;
  for (const after of [a, b]) tables.apply(added({ table: 'networks', after }));
  for (const change of changes) tables.apply(change);
  t.is(tables.byName('networks', 'a')?.id, b.id);
  t.is(tables.byName('networks', 'b')?.id, a.id);
  for (const change of changes.toReversed()) tables.revert(change);
  t.is(tables.byName('networks', 'a'), a);
  t.is(tables.byName('networks', 'b'), b);
});

test('a list that was read does not change with the table', (t) => {
  const tables = new TableSet();
  tables.apply(added({ table: 'nodes', after: aNode('b') }));
  const before = tables.list('nodes');
  t.is(tables.list('nodes'), before);
  tables.apply(added({ table: 'nodes', after: aNode('a') }));
  t.deepEqual(before, [aNode('b')]);
  t.deepEqual(tables.list('nodes'), [aNode('a'), aNode('b')]);
});

test('tasks are found by service, node and each of their networks', (t) => {
  const tables = new TableSet();
  const view = viewOf(tables);
  const service = aService('web');
  const attachments = ['n-a', 'n-b'].map((id) => ({
    networkId: id as NetworkId,
    network: id,
    address: '',
    mac: '',
    aliases: [],
  }));
  const pending = { ...aTask(service, 1), attachments };
  const placed = { ...pending, nodeId: 'w1' as NodeId, attachments: attachments.slice(1) };
  tables.apply(added({ table: 'tasks', after: pending }));
  t.deepEqual(view.tasksOfService(service.id), [pending]);
  t.deepEqual(view.tasksOfNetwork('n-a' as NetworkId), [pending]);
  t.deepEqual(view.tasksOfNetwork('n-b' as NetworkId), [pending]);
  t.deepEqual(view.tasksOfNode('w1' as NodeId), []);
  tables.apply({ table: 'tasks', id: pending.id, before: pending, after: placed });
  t.deepEqual(view.tasksOfNode('w1' as NodeId), [placed]);
  t.deepEqual(view.tasksOfNetwork('n-a' as NetworkId), []);
  t.deepEqual(view.tasksOfNetwork('n-b' as NetworkId), [placed]);
  tables.revert({ table: 'tasks', id: pending.id, before: pending, after: placed });
  t.deepEqual(view.tasksOfNode('w1' as NodeId), []);
  t.deepEqual(view.tasksOfService(service.id), [pending]);
});

test('services are found by project', (t) => {
  const tables = new TableSet();
  const view = viewOf(tables);
  const [web, other] = [aService('web'), aService('db', { project: 'shop' })];
  tables.apply(added({ table: 'services', after: web }));
  tables.apply(added({ table: 'services', after: other }));
  t.deepEqual(view.servicesOfProject('demo'), [web]);
  t.deepEqual(view.servicesOfProject('shop'), [other]);
  tables.apply({ table: 'services', id: web.id, before: web, after: undefined });
  t.deepEqual(view.servicesOfProject('demo'), []);
});

test('leases are found by their network or node and by their holder, a holder once', (t) => {
  const tables = new TableSet();
  const view = viewOf(tables);
  const [network, node, task] = ['n1' as NetworkId, 'w1' as NodeId, 't1' as TaskId];
  const add = (id: LeaseId, holder: Lease['holder']): Lease => {
    const lease = { ...meta, id, holder };
    tables.apply(added({ table: 'leases', after: lease }));
    return lease;
  };
  const address = add(addressLeaseId(network, '10.0.0.2'), { kind: 'task', taskId: task });
  const gateway = add(addressLeaseId(network, '10.0.0.1'), {
    ...{ kind: 'gateway', nodeId: node, networkId: network },
  });
  const port = add(portLeaseId(node, 'tcp', 80, ''), { kind: 'task', taskId: task });
  const fenced = add(portLeaseId(node, 'tcp', 81, ''), { kind: 'fenced', nodeId: node });
  t.deepEqual(view.leasesOfNetwork(network), [gateway, address]);
  t.deepEqual(view.leasesOfTask(task), [address, port]);
  t.deepEqual(view.leasesOfNode(node), [gateway, port, fenced]);
  tables.apply({ table: 'leases', id: fenced.id, before: fenced, after: undefined });
  t.deepEqual(view.leasesOfNode(node), [gateway, port]);
});

test('a view has the index of its store and finds each kind of object by name', (t) => {
  const tables = new TableSet();
  const view = viewOf(tables);
  const spec = { name: 'x', project: 'p', key: 'x', labels: {} };
  const stored = { ...meta, id: 'id-x', spec, data: '' };
  const objects = {
    services: { ...aService('web'), spec: { ...aService('web').spec, name: 'x' } },
    nodes: aNode('x'),
    networks: aNetwork('x'),
    volumes: aVolume('x'),
    secrets: stored,
    configs: stored,
  };
  for (const [table, after] of Object.entries(objects)) {
    tables.apply({ table, id: after.id, after } as StoreChange);
  }
  t.is(view.index, 7);
  t.deepEqual(
    [
      view.serviceByName('x'),
      view.nodeByName('x'),
      view.networkByName('x'),
      view.volumeByName('x'),
      view.secretByName('x'),
      view.configByName('x'),
    ],
    Object.values(objects) as never,
  );
  t.deepEqual(
    tableNames.filter((table) => view.count(table) > 0),
    tableNames.filter((table) => table in objects),
  );
  t.deepEqual(view.get('nodes', 'x' as NodeId), objects.nodes);
  t.is(view.get('nodes', 'y' as NodeId), undefined);
});
