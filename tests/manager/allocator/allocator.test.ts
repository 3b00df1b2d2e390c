import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { ServiceOptions, TaskOptions } from '../../../fixtures/cluster/build.js';
import { aNetwork, aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { Allocator } from '../../../manager/allocator/allocator.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import type { NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { Network } from '../../../manager/common/model/network.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { ClusterStore, Transaction } from '../../../manager/store/store.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';
import { settle, VirtualClock } from '../../simulation/virtual-clock.js';

interface Bench {
  readonly store: ClusterStore;
  readonly clock: VirtualClock;
  /** Writes and waits until the allocator has settled. */
  readonly write: (change: (tx: Transaction) => void) => Promise<void>;
  readonly task: (id: string) => Task;
  readonly leases: () => readonly string[];
}

async function setUp(t: ExecutionContext): Promise<Bench> {
  const clock = new VirtualClock();
  const store = await openTestStore(clock);
  const allocator = new Allocator({ store, clock, log: silentLogger, randomBelow: () => 0 });
  allocator.start();
  t.teardown(() => allocator.stop());
  return {
    store,
    clock,
    write: async (change) => {
      await store.update('restore', change);
      await settle();
    },
    task: (id) => {
      const task = store.view.get('tasks', id as TaskId);
      if (task === undefined) throw new Error(`no task ${id}`);
      return task;
    },
    leases: () => store.view.list('leases').map(({ id }) => id),
  };
}

const net = 'demo_default';

function web(options: ServiceOptions = {}, ipv4Address?: string): Service {
  const attachment = { network: net, aliases: ['www'], ...(ipv4Address ? { ipv4Address } : {}) };
  return aService('web', { ...options, task: { networks: [attachment] } });
}

function fresh(service: Service, slot: number, options: TaskOptions = {}): Task {
  return aTask(service, slot, { state: 'new', ...options });
}

function ended(task: Task, desired: Task['desired'] = 'shutdown'): Task {
  return { ...task, desired, status: { ...task.status, state: 'shutdown' } };
}

function userNetwork(subnet: string): Network {
  const network = aNetwork(net);
  return { ...network, spec: { ...network.spec, subnet } };
}

test('a new task gets an address, a derived MAC and aliases and becomes pending', async (t) => {
  const { write, task, leases, store } = await setUp(t);
  const service = web();
  await write((tx) => {
    tx.create('networks', aNetwork(net));
    tx.create('services', service);
    tx.create('tasks', fresh(service, 1));
  });
  t.like(store.view.networkByName(net), { vni: 4096, subnet: '10.128.0.0/16' });
  t.is(task('web.1').status.state, 'pending');
  t.like(task('web.1').attachments[0], {
    network: net,
    address: '10.128.16.0',
    mac: '02:42:0a:80:10:00',
  });
  t.deepEqual(task('web.1').attachments[0]?.aliases, ['demo-web-1', 'www']);
  t.deepEqual(leases(), ['address/n-demo_default/10.128.16.0']);
});

test('a task without networks becomes pending without leases', async (t) => {
  const { write, task } = await setUp(t);
  const service = aService('web');
  await write((tx) => {
    tx.create('services', service);
    tx.create('tasks', fresh(service, 1));
  });
  t.is(task('web.1').status.state, 'pending');
});

test('a missing network is explained and the task continues once it exists', async (t) => {
  const { write, task } = await setUp(t);
  const service = web();
  await write((tx) => {
    tx.create('services', service);
    tx.create('tasks', fresh(service, 1));
  });
  t.is(task('web.1').explanation?.summary, 'network demo_default does not exist');
  await write((tx) => tx.create('networks', aNetwork(net)));
  t.is(task('web.1').status.state, 'pending');
  t.is(task('web.1').explanation, undefined);
});

test('a subnet that contains the address of a node is explained', async (t) => {
  const { write, task } = await setUp(t);
  const service = web();
  await write((tx) => {
    tx.create('nodes', aNode('node-1', { address: '172.30.0.5' }));
    tx.create('networks', userNetwork('172.30.0.0/16'));
    tx.create('services', service);
    tx.create('tasks', fresh(service, 1));
  });
  t.is(
    task('web.1').explanation?.summary,
    'network demo_default: subnet 172.30.0.0/16 contains the address of node node-1',
  );
});

test('a task waits for a fixed address in use and names its holder', async (t) => {
  const { write, task } = await setUp(t);
  const service = web({ replicas: 2 }, '172.20.0.10');
  await write((tx) => {
    tx.create('networks', userNetwork('172.20.0.0/24'));
    tx.create('services', service);
    tx.create('tasks', fresh(service, 1));
    tx.create('tasks', fresh(service, 2));
  });
  t.is(task('web.1').attachments[0]?.address, '172.20.0.10');
  t.is(
    task('web.2').explanation?.summary,
    'address 172.20.0.10 of network demo_default is already in use by web.1',
  );
  await write((tx) => {
    tx.put('tasks', ended(task('web.1')));
  });
  t.is(task('web.2').attachments[0]?.address, '172.20.0.10');
});

test('a fixed address outside the subnet is explained', async (t) => {
  const { write, task } = await setUp(t);
  const service = web({}, '172.21.0.10');
  await write((tx) => {
    tx.create('networks', userNetwork('172.20.0.0/24'));
    tx.create('services', service);
    tx.create('tasks', fresh(service, 1));
  });
  t.regex(task('web.1').explanation?.summary ?? '', /is not inside its subnet 172\.20\.0\.0\/24/);
});

test('fixed addresses of services are not allocated to other tasks', async (t) => {
  const { write, task } = await setUp(t);
  const service = web();
  const attachment = { network: net, aliases: [], ipv4Address: '172.20.0.2' };
  await write((tx) => {
    tx.create('networks', userNetwork('172.20.0.0/24'));
    tx.create('services', aService('db', { task: { networks: [attachment] } }));
    tx.create('services', service);
    tx.create('tasks', fresh(service, 1));
  });
  t.is(task('web.1').attachments[0]?.address, '172.20.0.3');
});

test('reserved addresses, a requested gateway and a fixed MAC are honoured', async (t) => {
  const { write, task, leases } = await setUp(t);
  const attachment = { network: net, aliases: [], macAddress: '02:42:ac:11:00:07' };
  const service = aService('web', { task: { networks: [attachment] } });
  const network = userNetwork('172.20.0.0/24');
  const spec = { ...network.spec, gateway: '172.20.0.3', reserved: ['172.20.0.2', '172.20.0.4'] };
  await write((tx) => {
    tx.create('nodes', aNode('n1'));
    tx.create('networks', { ...network, spec });
    tx.create('services', service);
    tx.create('tasks', fresh(service, 1));
  });
  t.like(task('web.1').attachments[0], { address: '172.20.0.5', mac: '02:42:ac:11:00:07' });
  await write((tx) => {
    const placed = { ...task('web.1'), nodeId: 'n1' as NodeId };
    tx.put('tasks', { ...placed, status: { ...placed.status, state: 'assigned' } });
  });
  t.true(leases().includes('address/n-demo_default/172.20.0.3'));
});

test('an exhausted subnet is explained and the task gets the next free address', async (t) => {
  const { write, task } = await setUp(t);
  const service = web();
  await write((tx) => {
    tx.create('networks', userNetwork('172.20.0.0/30'));
    tx.create('services', service);
    tx.create('tasks', fresh(service, 1));
    tx.create('tasks', fresh(service, 2));
  });
  t.is(
    task('web.2').explanation?.summary,
    'network demo_default: no free address in 172.20.0.0/30',
  );
  await write((tx) => {
    tx.put('tasks', ended(task('web.1')));
  });
  t.is(task('web.2').attachments[0]?.address, '172.20.0.2');
});

test('the node of a placed task gets one gateway per network', async (t) => {
  const { write, task, leases } = await setUp(t);
  const service = web();
  await write((tx) => {
    tx.create('nodes', aNode('node-1'));
    tx.create('networks', aNetwork(net));
    tx.create('services', service);
    tx.create('tasks', fresh(service, 1));
    tx.create('tasks', fresh(service, 2));
  });
  await write((tx) => {
    for (const id of ['web.1', 'web.2']) {
      const status = { ...task(id).status, state: 'assigned' } as const;
      tx.put('tasks', { ...task(id), nodeId: 'node-1' as NodeId, status });
    }
  });
  t.deepEqual(
    leases().filter((id) => id.endsWith('.0.1') || id.endsWith('.0.2')),
    ['address/n-demo_default/10.128.0.1'],
  );
});

test('the address of a kept container passes to the task that adopts it', async (t) => {
  const { write, task, store } = await setUp(t);
  const service = web({ halted: true });
  await write((tx) => {
    tx.create('networks', aNetwork(net));
    tx.create('services', service);
    tx.create('tasks', fresh(service, 1));
  });
  const address = task('web.1').attachments[0]?.address;
  await write((tx) => {
    tx.put('tasks', ended(task('web.1')));
  });
  t.is(store.view.count('leases'), 1, 'kept while the service is stopped');
  await write((tx) => {
    tx.create('tasks', fresh(service, 1, { id: 'again', adopts: 'web.1' }));
  });
  t.is(task('again').attachments[0]?.address, address);
  const [lease] = store.view.list('leases');
  t.deepEqual(lease?.holder, { kind: 'task', taskId: 'again' as TaskId });
});

test('leases of a replaced task are released once its end is confirmed', async (t) => {
  const { write, task, store } = await setUp(t);
  const service = web();
  await write((tx) => {
    tx.create('networks', aNetwork(net));
    tx.create('services', service);
    tx.create('tasks', fresh(service, 1));
  });
  await write((tx) => {
    const status = { ...task('web.1').status, state: 'running' } as const;
    tx.put('tasks', { ...task('web.1'), status, desired: 'shutdown' });
  });
  t.is(store.view.count('leases'), 1);
  await write((tx) => {
    tx.put('tasks', ended(task('web.1')));
  });
  t.is(store.view.count('leases'), 0);
});

test('a fenced address is released after its node returns or when the node is removed', async (t) => {
  const { write, store, clock } = await setUp(t);
  await write((tx) => {
    for (const index of [1, 2]) {
      tx.create('nodes', aNode(`node-${index}`, { state: 'down' }));
      const nodeId = `node-${index}` as NodeId;
      tx.create('leases', {
        id: `address/n/10.0.0.${index}` as never,
        holder: { kind: 'fenced', nodeId },
      });
    }
  });
  t.is(store.view.count('leases'), 2);
  await write((tx) => tx.remove('nodes', 'node-2' as NodeId));
  t.is(store.view.count('leases'), 1);
  await write((tx) => {
    const node = tx.get('nodes', 'node-1' as NodeId);
    if (node === undefined) return;
    tx.put('nodes', { ...node, status: { state: 'ready', since: clock.now(), message: '' } });
  });
  t.is(store.view.count('leases'), 1);
  clock.step(clock.now() + 31_000);
  await settle();
  t.is(store.view.count('leases'), 0);
});
