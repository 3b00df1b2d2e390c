import test from 'ava';
import fc from 'fast-check';
import { aNetworkOnNode, anEndpoint } from '../../../fixtures/cluster/network-view.js';
import type { NetworkView } from '../../../manager/common/model/network-view.js';
import { describeNetworkChange } from '../../../network/plan/change.js';
import { diff, removeAll } from '../../../network/plan/diff.js';
import { rulesetFor } from '../../../network/plan/ruleset.js';
import type { ObservedTable } from '../../../network/plan/table.js';
import { loadText } from '../../../network/plan/table.js';
import type { ObservedFdb, ObservedState } from '../../../network/plan/observed.js';
import type { WantedNetwork, WantedState } from '../../../network/plan/wanted.js';
import { wantedState } from '../../../network/plan/wanted.js';
import { FakeNft } from '../../helpers/fakes/fake-nft.js';

const facts = { address: '10.98.60.11', addressIsLocal: true, uplinkMtu: 1500 };
const network = aNetworkOnNode();
const view: NetworkView = {
  networks: [network],
  endpoints: [
    anEndpoint({ slot: 1, address: '10.210.0.11', vtep: facts.address }),
    anEndpoint({ slot: 2, address: '10.210.0.12', vtep: '10.98.60.12' }),
  ],
};

const nothing: ObservedState = {
  bridges: new Map(),
  vxlans: new Map(),
  fdb: new Map(),
  neighbours: new Map(),
  ports: new Map(),
  table: undefined,
  acceptRules: new Set<string>(),
  engine: [],
};

function tableFor(wanted: WantedState): ObservedTable {
  const nft = new FakeNft();
  nft.apply(loadText(rulesetFor(wanted, nothing)));
  return nft.observe();
}

/** The observed state of a machine on which everything wanted is in place. */
function settled(wanted: WantedState): ObservedState {
  const each = <T>(make: (desired: WantedNetwork) => readonly [string, T]): Map<string, T> =>
    new Map(wanted.networks.map(make));
  return {
    bridges: each((desired) => [
      desired.bridge,
      {
        name: desired.bridge,
        up: true,
        mac: desired.bridgeMac,
        addresses: [`${desired.network.gateway}/${String(desired.prefix)}`],
      },
    ]),
    vxlans: each((desired) => [
      desired.vxlan,
      {
        name: desired.vxlan,
        vni: desired.network.vni,
        port: 4789,
        local: desired.local,
        learning: false,
        proxy: true,
        mtu: desired.mtu,
        up: true,
        master: desired.bridge,
        portFloods: false,
      },
    ]),
    fdb: each((desired): [string, ObservedFdb] => [
      desired.vxlan,
      {
        tunnel: new Map([...desired.remotes.values()].map(({ mac, vtep }) => [mac, [vtep]])),
        bridge: new Set(desired.remotes.keys()),
      },
    ]),
    neighbours: each((desired) => [
      desired.vxlan,
      new Map([...desired.remotes.values()].map(({ address, mac }) => [address, mac])),
    ]),
    ports: each((desired) => [desired.vxlan, desired.bridge]),
    table: tableFor(wanted),
    acceptRules: new Set(wanted.networks.map(({ bridge }) => bridge)),
    engine: wanted.networks.map((desired) => ({
      networkId: desired.network.id,
      engineId: 'x',
      name: desired.network.name,
      bridge: desired.bridge,
      subnet: desired.network.subnet,
      gateway: desired.network.gateway,
      mtu: desired.mtu,
      internal: desired.network.internal,
      containers: [],
    })),
  };
}

const wanted = wantedState(view, facts);
const good = settled(wanted);
const plan = (seen: Partial<ObservedState>): string[] =>
  diff(wanted, { ...good, ...seen }).map(describeNetworkChange);

test('only endpoints of other nodes have entries', (t) => {
  const [network] = wanted.networks;
  t.deepEqual(
    [...(network?.remotes.values() ?? [])],
    [{ mac: '02:42:0a:d2:00:0c', address: '10.210.0.12', vtep: '10.98.60.12' }],
  );
  t.is(network?.mtu, 1450);
});

test('an endpoint outside its network or with an invalid address is skipped', (t) => {
  const bad = [
    anEndpoint({ slot: 3, address: '10.99.0.1' }),
    { ...anEndpoint({ slot: 4, address: '10.210.0.14' }), vtep: 'x; reboot' },
  ];
  const state = wantedState({ ...view, endpoints: [...view.endpoints, ...bad] }, facts);
  t.is(state.networks[0]?.remotes.size, 1);
});

test('a machine in the wanted state needs no change', (t) => {
  t.deepEqual(diff(wanted, good), []);
});

const anyView = fc
  .uniqueArray(fc.integer({ min: 4096, max: 4099 }), { maxLength: 3 })
  .chain((vnis) =>
    fc.record({
      networks: fc.constant(
        vnis.map((vni) =>
          aNetworkOnNode({
            key: `n${String(vni)}`,
            vni,
            subnet: `10.${String(vni - 4000)}.0.0/16`,
            gateway: `10.${String(vni - 4000)}.0.1`,
          }),
        ),
      ),
      endpoints: fc.uniqueArray(fc.integer({ min: 2, max: 60 }), { maxLength: 20 }).map((hosts) =>
        vnis.flatMap((vni) =>
          hosts.map((host) =>
            anEndpoint({
              networkId: aNetworkOnNode({ key: `n${String(vni)}` }).id,
              slot: host,
              address: `10.${String(vni - 4000)}.0.${String(host)}`,
              vtep: `10.98.60.${String(11 + (host % 5))}`,
            }),
          ),
        ),
      ),
    }),
  );

test('the wanted state of any view needs no change', (t) => {
  fc.assert(
    fc.property(anyView, (some) => {
      const state = wantedState(some, facts);
      return diff(state, settled(state)).length === 0;
    }),
  );
  t.pass();
});

test('a new view changes exactly the entries that differ', (t) => {
  fc.assert(
    fc.property(anyView, anyView, (before, after) => {
      const [from, to] = [wantedState(before, facts), wantedState(after, facts)];
      const changes = diff(to, settled(from));
      const puts = changes.filter(({ kind }) => kind === 'put-remote').length;
      const expected = to.networks.flatMap((desired) => {
        const old = from.networks.find(({ vxlan }) => vxlan === desired.vxlan);
        if (old === undefined) return [];
        return [...desired.remotes.values()].filter(
          ({ mac, vtep }) => old.remotes.get(mac)?.vtep !== vtep,
        );
      });
      return puts === expected.length;
    }),
  );
  t.pass();
});

test('an empty machine gets the nft table first, then the engine network, and no devices yet', (t) => {
  t.deepEqual(diff(wanted, nothing).map(describeNetworkChange), [
    'load the nft table: missing',
    'accept traffic within sh4096 in DOCKER-USER: missing',
    'create engine network shop_default on sh4096: missing',
  ]);
});

test('the tunnel and its entries are added once the bridge exists', (t) => {
  t.deepEqual(plan({ vxlans: new Map(), fdb: new Map(), neighbours: new Map() }), [
    'add vxlan shvx4096: missing',
    'put 10.210.0.12 02:42:0a:d2:00:0c at 10.98.60.12 on shvx4096: missing',
  ]);
});

const [vxlan] = [...good.vxlans.values()];
const [bridge] = [...good.bridges.values()];
if (vxlan === undefined || bridge === undefined) throw new Error('nothing is wanted');
const altered = (change: Partial<typeof vxlan>): Partial<ObservedState> => ({
  vxlans: new Map([[vxlan.name, { ...vxlan, ...change }]]),
});

for (const [defect, seen, expected] of [
  ['down', altered({ up: false }), ['set vxlan shvx4096: down']],
  ['off its bridge', altered({ master: undefined }), ['set vxlan shvx4096: on bridge none']],
  ['flooding', altered({ portFloods: true }), ['set vxlan shvx4096: flooding is on']],
  ['too large', altered({ mtu: 1500 }), ['set vxlan shvx4096: mtu is 1500']],
  [
    'learning',
    altered({ learning: true }),
    ['remove device shvx4096: learning is on', 'add vxlan shvx4096: learning is on'],
  ],
  [
    'of another source',
    altered({ local: '10.0.0.1' }),
    ['remove device shvx4096: source is 10.0.0.1', 'add vxlan shvx4096: source is 10.0.0.1'],
  ],
] as const)
  test(`a tunnel that is ${defect} is repaired`, (t) => {
    t.deepEqual(plan(seen), expected);
  });

test('the entry of a moved endpoint is replaced without a removal', (t) => {
  const fdb = new Map([
    [
      'shvx4096',
      {
        tunnel: new Map([['02:42:0a:d2:00:0c', ['10.98.60.13']]]),
        bridge: new Set(['02:42:0a:d2:00:0c']),
      },
    ],
  ]);
  t.deepEqual(plan({ fdb }), [
    'put 10.210.0.12 02:42:0a:d2:00:0c at 10.98.60.12 on shvx4096: endpoint was at 10.98.60.13',
  ]);
});

test('a second destination of an endpoint is removed', (t) => {
  const fdb = new Map([
    [
      'shvx4096',
      {
        tunnel: new Map([['02:42:0a:d2:00:0c', ['10.98.60.12', '10.98.60.13']]]),
        bridge: new Set(['02:42:0a:d2:00:0c']),
      },
    ],
  ]);
  t.deepEqual(plan({ fdb }), [
    'remove 02:42:0a:d2:00:0c at 10.98.60.13 from shvx4096: endpoint is at 10.98.60.12',
  ]);
});

test('the nft table stays when the last network is gone', (t) => {
  const none: WantedState = { networks: [] };
  t.deepEqual(diff(none, nothing).map(describeNetworkChange), ['load the nft table: missing']);
  const seen = { ...nothing, table: tableFor(wanted) };
  t.deepEqual(diff(none, seen).map(describeNetworkChange), [
    'update the nft table: networks or nodes changed',
  ]);
  const { chains, sets } = tableFor(none);
  const stale = {
    chains: new Map([...chains, ['vni-4096', 'x/2']]),
    sets: new Map([...sets, ['endpoints-4096', new Set<string>()]]),
  };
  t.deepEqual(diff(none, { ...nothing, table: stale }).map(describeNetworkChange), [
    'update the nft table: networks are gone',
  ]);
  t.deepEqual(diff(none, { ...nothing, table: tableFor(none) }), []);
});

test('an altered nft table is replaced', (t) => {
  const { chains, sets } = tableFor(wanted);
  const altered = { chains: new Map([...chains, ['input', undefined]]), sets };
  t.deepEqual(plan({ table: altered }), ['load the nft table: altered or of another version']);
});

test('entries of a removed endpoint are deleted from tunnel, bridge and neighbours', (t) => {
  const empty = wantedState({ ...view, endpoints: [] }, facts);
  const seen = { ...good, table: tableFor(empty) };
  t.deepEqual(diff(empty, seen).map(describeNetworkChange), [
    'remove 02:42:0a:d2:00:0c at 10.98.60.12 from shvx4096: endpoint is gone',
    'remove neighbour 10.210.0.12 from shvx4096: endpoint is gone',
  ]);
});

test('a bridge deleted while its network exists is recreated with its ports', (t) => {
  const seen = {
    ...good,
    bridges: new Map(),
    ports: new Map([
      ['veth1', undefined],
      ['veth2', 'sh4097'],
      ['eth0', undefined],
    ]),
  };
  const remembered = new Map([['sh4096', ['veth1', 'veth2', 'veth3']]]);
  t.deepEqual(diff(wanted, seen, remembered).map(describeNetworkChange), [
    'add bridge sh4096: deleted while its network exists',
    'attach veth1 to sh4096: detached from its bridge',
  ]);
});

test('a missing gateway address is restored on the bridge', (t) => {
  const bridges = new Map([[bridge.name, { ...bridge, addresses: ['10.0.0.1/8'] }]]);
  t.deepEqual(plan({ bridges }), ['set bridge sh4096: address 10.210.0.1/16 is missing']);
});

test('an orphaned bridge is removed before its network is created', (t) => {
  t.deepEqual(plan({ engine: [] }).slice(0, 2), [
    'remove device sh4096: orphaned: its network is gone',
    'create engine network shop_default on sh4096: missing',
  ]);
});

test('an engine network is replaced if its gateway differs, but for another mtu only if it is empty', (t) => {
  const [engine] = good.engine ?? [];
  if (engine === undefined) return t.fail();
  t.deepEqual(plan({ engine: [{ ...engine, gateway: '10.210.0.9' }] }), [
    'remove engine network shop_default: gateway is 10.210.0.9 instead of 10.210.0.1',
  ]);
  const small = { ...engine, mtu: 1400 };
  t.deepEqual(plan({ engine: [small] }), [
    'remove engine network shop_default: mtu is 1400 instead of 1450',
  ]);
  t.deepEqual(plan({ engine: [{ ...small, containers: ['c'] }] }), []);
});

test('a network that left this node is disconnected first, then removed', (t) => {
  const empty: WantedState = { networks: [] };
  t.deepEqual(diff(empty, good).map(describeNetworkChange), [
    'remove device shvx4096: network is not on this node',
    'update the nft table: networks or nodes changed',
    'remove the DOCKER-USER rule of sh4096: network is not on this node',
    'remove engine network shop_default: not on this node',
  ]);
  t.deepEqual(
    removeAll(good),
    diff(empty, good).filter(({ kind }) => kind !== 'update-table'),
  );
});

test('accept rules are added for wanted bridges, removed for stale ones and kept for foreign ones', (t) => {
  t.deepEqual(plan({ acceptRules: new Set(['sh77', 'docker0']) }), [
    'remove the DOCKER-USER rule of sh77: network is not on this node',
    'accept traffic within sh4096 in DOCKER-USER: missing',
  ]);
  t.deepEqual(plan({ acceptRules: undefined }), []);
});

test('tunnels are repaired while the engine is unreachable', (t) => {
  t.deepEqual(plan({ engine: undefined, ...altered({ up: false }) }), ['set vxlan shvx4096: down']);
});

test('foreign devices with similar names are never removed', (t) => {
  const foreign = { ...vxlan, name: 'shvxlan0' };
  t.deepEqual(plan({ vxlans: new Map([...good.vxlans, [foreign.name, foreign]]) }), []);
});
