import test from 'ava';
import type { TaskOptions } from '../../../fixtures/cluster/build.js';
import { aNetwork, aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { attachLater, attachTask, fixedAddresses } from '../../../manager/allocator/attach.js';
import type { NetworkId, NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { Lease, Network, NetworkSpec } from '../../../manager/common/model/network.js';
import { addressLeaseId } from '../../../manager/common/model/network.js';
import type { NetworkAttachmentSpec } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { ClusterStore, Transaction } from '../../../manager/store/store.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

type LeaseHolder = Lease['holder'];

const base = aNetwork('net');
const subnet = '10.9.0.0/29';

const networkWith = (spec: Partial<NetworkSpec> = {}, rest: Partial<Network> = {}): Network => ({
  ...base,
  vni: 4096,
  subnet,
  ...rest,
  spec: { ...base.spec, ...spec },
});

const serviceWith = (attachment: Partial<NetworkAttachmentSpec> = {}, name = 'web') =>
  aService(name, { task: { networks: [{ network: 'net', aliases: [], ...attachment }] } });

const fresh = (
  attachment: Partial<NetworkAttachmentSpec> = {},
  slot = 1,
  options: TaskOptions = {},
): Task => aTask(serviceWith(attachment), slot, { state: 'new', ...options });

async function storeWith(
  network: Network | undefined,
  more: (tx: Transaction) => void = () => undefined,
): Promise<ClusterStore> {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    if (network !== undefined) tx.create('networks', network);
    more(tx);
  });
  return store;
}

/** The address of each task, or why it has none. */
async function attach(store: ClusterStore, ...tasks: readonly Task[]): Promise<readonly string[]> {
  const cursors = new Map<NetworkId, number>();
  const results: string[] = [];
  for (const task of tasks)
    await store.update('allocator', (tx) => {
      if (tx.get('tasks', task.id) === undefined) throw new Error(`no task ${task.id}`);
      const isAttached = attachTask(tx, task, cursors);
      const after = tx.get('tasks', task.id);
      results.push(
        isAttached
          ? (after?.attachments[0]?.address ?? 'none')
          : (after?.explanation?.summary ?? ''),
      );
    });
  return results;
}

const create = (tasks: readonly Task[]) => (tx: Transaction) => {
  for (const task of tasks) tx.create('tasks', task);
};

const lease = (tx: Transaction, address: string, holder: LeaseHolder): void => {
  tx.create('leases', { id: addressLeaseId(base.id, address), holder });
};

test('tasks get the addresses after the gateways, until the last one', async (t) => {
  const tasks = [1, 2, 3, 4, 5, 6].map((slot) => fresh({}, slot));
  const store = await storeWith(networkWith(), create(tasks));
  t.deepEqual(await attach(store, ...tasks), [
    '10.9.0.2',
    '10.9.0.3',
    '10.9.0.4',
    '10.9.0.5',
    '10.9.0.6',
    'network net: no free address in 10.9.0.0/29',
  ]);
});

test('after a restart the next address follows the highest one of a task', async (t) => {
  const task = fresh();
  const store = await storeWith(networkWith(), (tx) => {
    tx.create('tasks', task);
    lease(tx, '10.9.0.3', { kind: 'task', taskId: 'other' as TaskId });
    const gateway = { kind: 'gateway', nodeId: 'n1' as NodeId, networkId: base.id } as const;
    lease(tx, '10.9.0.5', gateway);
  });
  t.deepEqual(await attach(store, task), ['10.9.0.4']);
});

test('reserved, fixed and gateway addresses are not given to others', async (t) => {
  const tasks = [fresh(), fresh({}, 2)];
  const spec = { subnet, reserved: ['10.9.0.2'], gateway: '10.9.0.3' };
  const store = await storeWith(networkWith(spec), (tx) => {
    create(tasks)(tx);
    tx.create('services', serviceWith({ ipv4Address: '10.9.0.4' }, 'fixed'));
    tx.create('services', serviceWith({ ipv4Address: '10.9.0.5', network: 'other' }, 'other'));
  });
  t.deepEqual(await attach(store, ...tasks), ['10.9.0.5', '10.9.0.6']);
  const fixed = fixedAddresses(store.view, networkWith(spec));
  t.is(fixed.size, 2);
  t.is(fixedAddresses(store.view, networkWith({ reserved: ['10.9.0.2'] })).size, 0);
});

test('a missing, removed or waiting network is the explanation', async (t) => {
  const task = fresh();
  const why = async (network: Network | undefined): Promise<readonly string[]> =>
    attach(await storeWith(network, create([task])), task);
  t.deepEqual(await why(undefined), ['network net does not exist']);
  t.deepEqual(await why(networkWith({}, { removing: true })), ['network net is being removed']);
  t.deepEqual(await why(networkWith({}, { vni: 0, subnet: '' })), [
    'network net has no subnet yet',
  ]);
  t.deepEqual(await why(networkWith({ subnet: 'x' }, { vni: 0, subnet: '' })), [
    'network net: "x" is not an IPv4 subnet',
  ]);
});

test('a fixed address must be an address of the subnet that is not reserved', async (t) => {
  const spec = { subnet, reserved: ['10.9.0.5'] };
  const ask = async (ipv4Address: string): Promise<readonly string[]> => {
    const task = fresh({ ipv4Address });
    return attach(await storeWith(networkWith(spec), create([task])), task);
  };
  t.deepEqual(await ask('10.9.0.6'), ['10.9.0.6']);
  t.deepEqual(await ask('x'), ['address x of network net is not an IPv4 address']);
  t.deepEqual(await ask('10.9.0.8'), [
    'address 10.9.0.8 of network net is not inside its subnet 10.9.0.0/29',
  ]);
  t.deepEqual(await ask('10.9.0.5'), ['address 10.9.0.5 of network net is reserved']);
});

test('a fixed address is in use by its holder until that has ended', async (t) => {
  const task = fresh({ ipv4Address: '10.9.0.4' });
  const held = (holder: LeaseHolder, more: readonly Task[] = []): Promise<readonly string[]> =>
    storeWith(networkWith({ subnet }), (tx) => {
      create([task, ...more])(tx);
      tx.create('nodes', aNode('n1'));
      lease(tx, '10.9.0.4', holder);
    }).then((store) => attach(store, task));
  const where = 'address 10.9.0.4 of network net is already in use by';
  const of = (taskId: string): LeaseHolder => ({ kind: 'task', taskId: taskId as TaskId });
  const db = aService('db');
  t.deepEqual(await held(of('db.1'), [aTask(db, 1, { node: 'n1', state: 'running' })]), [
    `${where} db.1`,
  ]);
  t.deepEqual(await held(of('db.1'), [aTask(db, 1, { node: 'n1', state: 'failed' })]), [
    '10.9.0.4',
  ]);
  t.deepEqual(await held(of('deleted')), ['10.9.0.4']);
  const nodeId = 'n1' as NodeId;
  t.deepEqual(await held({ kind: 'gateway', nodeId, networkId: base.id }), [
    `${where} the gateway of n1`,
  ]);
  t.deepEqual(await held({ kind: 'gateway', nodeId: 'n9' as NodeId, networkId: base.id }), [
    `${where} the gateway of n9`,
  ]);
  t.deepEqual(await held({ kind: 'fenced', nodeId }), [
    `${where} a task on n1, which is down, until it comes back or is removed`,
  ]);
});

test('a task that adopts a container keeps its address if nobody else has it', async (t) => {
  const attachment = { networkId: base.id, network: 'net', mac: '', aliases: [] };
  const old: Task = {
    ...fresh({}, 1, { id: 'old', state: 'shutdown', node: 'n1' }),
    attachments: [{ ...attachment, address: '10.9.0.6' }],
  };
  const task: Task = { ...fresh({}, 1, { id: 'next' }), adopts: old.id };
  const ask = async (holder: LeaseHolder | undefined): Promise<readonly string[]> => {
    const store = await storeWith(networkWith(), (tx) => {
      create([old, task])(tx);
      if (holder !== undefined) lease(tx, '10.9.0.6', holder);
    });
    const result = await attach(store, task);
    const leased = store.view.get('leases', addressLeaseId(base.id, result[0] ?? ''));
    t.deepEqual(leased?.holder, { kind: 'task', taskId: task.id });
    return result;
  };
  t.deepEqual(await ask(undefined), ['10.9.0.6']);
  t.deepEqual(await ask({ kind: 'task', taskId: old.id }), ['10.9.0.6']);
  t.deepEqual(await ask({ kind: 'task', taskId: 'else' as TaskId }), ['10.9.0.2']);
});

test('nothing is leased if one of several networks is missing', async (t) => {
  const networks = [
    { network: 'net', aliases: [] },
    { network: 'missing', aliases: [] },
  ];
  const task = aTask(aService('web', { task: { networks } }), 1, { state: 'new' });
  const store = await storeWith(networkWith(), create([task]));
  t.deepEqual(await attach(store, task), ['network missing does not exist']);
  t.deepEqual(store.view.list('leases'), []);
  const { version } = store.view.get('tasks', task.id) ?? {};
  await attach(store, store.view.get('tasks', task.id) ?? task);
  t.is(store.view.get('tasks', task.id)?.version, version);
});

test('a container has its name and its own aliases once, and its own MAC address', async (t) => {
  const macAddress = '02:00:00:00:00:01';
  const task = fresh({ aliases: ['www', 'demo-web-1', 'www'], macAddress });
  const store = await storeWith(networkWith(), create([task]));
  await attach(store, task);
  const after = store.view.get('tasks', task.id);
  t.like(after?.attachments[0], { mac: macAddress, network: 'net', networkId: base.id });
  t.deepEqual(after?.attachments[0]?.aliases, ['demo-web-1', 'www']);
  t.like(after?.status, { state: 'pending', message: 'waiting for a node' });
});

async function connected(attachment: Partial<NetworkAttachmentSpec>): Promise<Task | undefined> {
  const store = await storeWith(networkWith());
  const task = fresh(attachment, 1, { node: 'n1', state: 'running' });
  const container = { ...task.spec.container, origin: { autoRemove: false } };
  const own = { ...task, spec: { ...task.spec, container } };
  await store.update('restore', (tx) => {
    tx.create('tasks', own);
  });
  await store.update('allocator', (tx) => {
    const stored = tx.get('tasks', own.id);
    if (stored !== undefined) attachLater(tx, stored, new Map());
  });
  return store.view.get('tasks', own.id);
}

test("a client's container that is connected later gets an address and keeps running", async (t) => {
  const task = await connected({ aliases: ['other'] });
  t.like(task?.attachments[0], { network: 'net', aliases: ['demo-web-1', 'other'] });
  t.is(task?.status.state, 'running');
});

test('an address that a container cannot have is explained', async (t) => {
  const task = await connected({ ipv4Address: '10.8.0.1' });
  t.deepEqual(task?.attachments, []);
  t.regex(task?.explanation?.summary ?? '', /is not inside its subnet/u);
});
