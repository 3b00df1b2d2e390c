import test from 'ava';
import { aNetwork, aNode } from '../../../fixtures/cluster/build.js';
import type { NetworkSpec } from '../../../manager/common/model/network.js';
import type { Network } from '../../../manager/common/model/network.js';
import {
  allocateNetworks,
  initialCursor,
  isAllocated,
  networkProblem,
} from '../../../manager/allocator/networks.js';
import type { NetworkCursor } from '../../../manager/allocator/networks.js';
import type { ClusterStore } from '../../../manager/store/store.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const network = (
  name: string,
  spec: Partial<NetworkSpec> = {},
  rest: Partial<Network> = {},
): Network => {
  const base = aNetwork(name);
  return { ...base, vni: 0, subnet: '', ...rest, spec: { ...base.spec, ...spec } };
};

async function storeWith(
  networks: readonly Network[],
  addresses: readonly string[] = [],
): Promise<ClusterStore> {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    for (const each of networks) tx.create('networks', each);
    for (const address of addresses) tx.create('nodes', aNode(`at-${address}`, { address }));
  });
  return store;
}

async function allocated(
  networks: readonly Network[],
  cursor: NetworkCursor = { subnet: undefined },
): Promise<Readonly<Record<string, readonly [number, string]>>> {
  const store = await storeWith(networks);
  await store.update('allocator', (tx) => {
    allocateNetworks(tx, cursor, () => 0);
  });
  return Object.fromEntries(
    store.view.list('networks').map(({ spec, vni, subnet }) => [spec.name, [vni, subnet]]),
  );
}

async function problem(
  spec: Partial<NetworkSpec>,
  others: readonly Network[] = [],
  addresses: readonly string[] = [],
): Promise<string | undefined> {
  const own = network('own', spec);
  const store = await storeWith([own, ...others], addresses);
  return networkProblem(store.view, own);
}

test('a network is allocated once it has both a VNI and a subnet', (t) => {
  t.true(isAllocated(network('a', {}, { vni: 1, subnet: '10.0.0.0/24' })));
  t.false(isAllocated(network('a', {}, { vni: 1 })));
  t.false(isAllocated(network('a', {}, { subnet: '10.0.0.0/24' })));
});

test('networks get different VNIs and subnets, a requested subnet is kept', async (t) => {
  const networks = [network('a'), network('b', { subnet: '10.9.0.0/24' }), network('c')];
  t.deepEqual(await allocated(networks), {
    a: [4096, '10.128.0.0/16'],
    b: [4097, '10.9.0.0/24'],
    c: [4098, '10.129.0.0/16'],
  });
});

test('allocation continues after the last subnet', async (t) => {
  const networks = [network('a', {}, { vni: 5000, subnet: '10.140.0.0/16' }), network('b')];
  const cursor = initialCursor((await storeWith(networks)).view);
  t.deepEqual(cursor, { subnet: { base: 10 * 2 ** 24 + 140 * 2 ** 16, prefix: 16 } });
  t.deepEqual((await allocated(networks, cursor)).b, [4096, '10.141.0.0/16']);
});

test('the first cursor ignores requested subnets and networks without one', async (t) => {
  const networks = [
    network('a', { subnet: '10.250.0.0/16' }, { vni: 7000, subnet: '10.250.0.0/16' }),
    network('b', {}, { vni: 6000, subnet: '10.130.0.0/16' }),
    network('c', {}, { vni: 6001, subnet: '10.131.0.0/16' }),
    network('d'),
  ];
  const { subnet } = initialCursor((await storeWith(networks)).view);
  t.is(subnet?.base, 10 * 2 ** 24 + 131 * 2 ** 16);
  t.deepEqual(initialCursor((await storeWith([])).view), { subnet: undefined });
});

test('networks that are removed, or have a problem, get nothing', async (t) => {
  const networks = [
    network('a', {}, { removing: true }),
    network('b', { subnet: 'none' }),
    network('c'),
  ];
  const result = await allocated(networks);
  t.deepEqual(
    [result.a, result.b],
    [
      [0, ''],
      [0, ''],
    ],
  );
  t.deepEqual(result.c, [4096, '10.128.0.0/16']);
});

test('existing networks keep their VNI, and new ones get any that is free', async (t) => {
  const networks = [
    network('old', {}, { vni: 4096, subnet: '10.128.0.0/16' }),
    network('older', {}, { vni: 4097, subnet: '10.129.0.0/16' }),
    network('new'),
    network('newer'),
  ];
  const vnis = Object.entries(await allocated(networks)).map(([name, [vni]]) => [name, vni]);
  t.deepEqual(Object.fromEntries(vnis), { old: 4096, older: 4097, new: 4098, newer: 4099 });
});

test('a subnet of another network or around a node is not chosen', async (t) => {
  const store = await storeWith(
    [
      network('a', {}, { vni: 4096, subnet: '10.128.0.0/16' }),
      network('b', { subnet: '10.129.7.0/24' }),
      network('c'),
    ],
    ['10.130.1.1', 'machine.example'],
  );
  await store.update('allocator', (tx) => {
    allocateNetworks(tx, { subnet: undefined }, () => 0);
  });
  t.is(store.view.networkByName('c')?.subnet, '10.131.0.0/16');
});

test('a valid request has no problem, up to the edges of the subnet', async (t) => {
  t.is(await problem({}), undefined);
  t.is(await problem({ subnet: '10.9.0.0/24' }), undefined);
  t.is(await problem({ subnet: '10.9.0.0/24', ipRange: '10.9.0.128/25' }), undefined);
  const gateway = { gateway: '10.9.0.1', reserved: ['10.9.0.255'] };
  t.is(await problem({ subnet: '10.9.0.0/24', ...gateway }), undefined);
  const next = network('n', {}, { vni: 1, subnet: '10.9.1.0/24' });
  t.is(await problem({ subnet: '10.9.0.0/24' }, [next], ['10.9.1.7', 'name']), undefined);
});

test('each invalid or conflicting request is explained', async (t) => {
  const subnet = '10.9.0.0/24';
  const used = network('used', {}, { vni: 1, subnet: '10.9.0.128/25' });
  const waiting = network('waiting', { subnet });
  t.regex((await problem({ subnet: 'x' })) ?? '', /network own: "x" is not an IPv4 subnet/);
  const inside = /ip range .* is not inside subnet 10\.9\.0\.0\/24/;
  t.regex((await problem({ subnet, ipRange: '10.9.1.0/25' })) ?? '', inside);
  t.regex((await problem({ subnet, ipRange: 'x' })) ?? '', inside);
  for (const spec of [
    { gateway: '10.9.1.1' },
    { gateway: 'x' },
    { reserved: ['10.9.0.9', '10.9.1.0'] },
    { gateway: '10.9.0.1', reserved: ['x'] },
  ])
    t.regex((await problem({ subnet, ...spec })) ?? '', /address .* is not inside subnet/);
  t.is(
    await problem({ subnet }, [used]),
    'network own: subnet 10.9.0.0/24 overlaps 10.9.0.128/25 of network used',
  );
  t.is(await problem({ subnet }, [waiting]), undefined);
  t.is(
    await problem({ subnet }, [], ['10.8.0.1', '10.9.0.255']),
    'network own: subnet 10.9.0.0/24 contains the address of node at-10.9.0.255',
  );
});

test('an allocated network has no problem any more', async (t) => {
  const own = network('own', { subnet: 'x' }, { vni: 1, subnet: '10.9.0.0/24' });
  t.is(networkProblem((await storeWith([own])).view, own), undefined);
});

test('an exhausted pool is a problem', async (t) => {
  const all = network('all', { subnet: '10.128.0.0/9' });
  t.is(await problem({}, [all]), 'network own: the default address pool is exhausted');
});

test('the next subnet follows the last one that was chosen, not one that was requested', async (t) => {
  const cursor: NetworkCursor = { subnet: undefined };
  await allocated([network('a'), network('b', { subnet: '10.200.0.0/16' })], cursor);
  t.is(cursor.subnet?.base, 10 * 2 ** 24 + 128 * 2 ** 16);
});
