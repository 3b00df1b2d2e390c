import test from 'ava';
import fc from 'fast-check';
import { aNetworkOnNode, anEndpoint } from '../../../fixtures/cluster/network-view.js';
import type { NetworkView } from '../../../manager/common/model/network-view.js';
import { describe } from '../../../network/plan/change.js';
import { diff, removeAll } from '../../../network/plan/diff.js';
import { rulesetFor } from '../../../network/plan/ruleset.js';
import type { SeenFdb, SeenState } from '../../../network/plan/seen.js';
import type { WantedNetwork, WantedState } from '../../../network/plan/wanted.js';
import { wantedState } from '../../../network/plan/wanted.js';

const facts = { address: '10.98.60.11', addressIsLocal: true, uplinkMtu: 1500 };
const network = aNetworkOnNode();
const view: NetworkView = {
  networks: [network],
  endpoints: [
    anEndpoint({ slot: 1, address: '10.210.0.11', vtep: facts.address }),
    anEndpoint({ slot: 2, address: '10.210.0.12', vtep: '10.98.60.12' }),
  ],
};

const nothing: SeenState = {
  bridges: new Map(),
  vxlans: new Map(),
  fdb: new Map(),
  neighbours: new Map(),
  ports: new Map(),
  rulesetMark: undefined,
  passes: new Set<string>(),
  engine: [],
};

/** A machine on which everything wanted is in place. */
function settled(wanted: WantedState): SeenState {
  const each = <T>(make: (one: WantedNetwork) => readonly [string, T]): Map<string, T> =>
    new Map(wanted.networks.map(make));
  return {
    bridges: each((one) => [
      one.bridge,
      {
        name: one.bridge,
        up: true,
        mac: one.bridgeMac,
        addresses: [`${one.network.gateway}/${String(one.prefix)}`],
      },
    ]),
    vxlans: each((one) => [
      one.vxlan,
      {
        name: one.vxlan,
        vni: one.network.vni,
        port: 4789,
        local: one.local,
        learning: false,
        proxy: true,
        mtu: one.mtu,
        up: true,
        master: one.bridge,
        portFloods: false,
      },
    ]),
    fdb: each((one): [string, SeenFdb] => [
      one.vxlan,
      {
        tunnel: new Map([...one.remotes.values()].map(({ mac, vtep }) => [mac, [vtep]])),
        bridge: new Set(one.remotes.keys()),
      },
    ]),
    neighbours: each((one) => [
      one.vxlan,
      new Map([...one.remotes.values()].map(({ address, mac }) => [address, mac])),
    ]),
    ports: each((one) => [one.vxlan, one.bridge]),
    rulesetMark: rulesetFor(wanted)?.mark,
    passes: new Set(wanted.networks.map(({ bridge }) => bridge)),
    engine: wanted.networks.map((one) => ({
      networkId: one.network.id,
      engineId: 'x',
      name: one.network.name,
      bridge: one.bridge,
      subnet: one.network.subnet,
      gateway: one.network.gateway,
      mtu: one.mtu,
      internal: one.network.internal,
      containers: [],
    })),
  };
}

const wanted = wantedState(view, facts);
const good = settled(wanted);
const plan = (seen: Partial<SeenState>): string[] =>
  diff(wanted, { ...good, ...seen }).map(describe);

test('only endpoints of other nodes have entries', (t) => {
  const [one] = wanted.networks;
  t.deepEqual(
    [...(one?.remotes.values() ?? [])],
    [{ mac: '02:42:0a:d2:00:0c', address: '10.210.0.12', vtep: '10.98.60.12' }],
  );
  t.deepEqual(wanted.vteps, ['10.98.60.12']);
  t.is(one?.mtu, 1450);
});

test('an endpoint outside its network, or with a broken address, is left out', (t) => {
  const bad = [
    anEndpoint({ slot: 3, address: '10.99.0.1' }),
    { ...anEndpoint({ slot: 4, address: '10.210.0.14' }), vtep: 'x; reboot' },
  ];
  const state = wantedState({ ...view, endpoints: [...view.endpoints, ...bad] }, facts);
  t.is(state.networks[0]?.remotes.size, 1);
});

test('a machine that is as it should be is left alone', (t) => {
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

test('whatever the view, being as it should be needs no change', (t) => {
  fc.assert(
    fc.property(anyView, (some) => {
      const state = wantedState(some, facts);
      return diff(state, settled(state)).length === 0;
    }),
  );
  t.pass();
});

test('from one view to another, exactly the entries that differ change', (t) => {
  fc.assert(
    fc.property(anyView, anyView, (before, after) => {
      const [from, to] = [wantedState(before, facts), wantedState(after, facts)];
      const changes = diff(to, settled(from));
      const puts = changes.filter(({ kind }) => kind === 'put-remote').length;
      const expected = to.networks.flatMap((one) => {
        const old = from.networks.find(({ vxlan }) => vxlan === one.vxlan);
        if (old === undefined) return [];
        return [...one.remotes.values()].filter(
          ({ mac, vtep }) => old.remotes.get(mac)?.vtep !== vtep,
        );
      });
      return puts === expected.length;
    }),
  );
  t.pass();
});

test('on an empty machine the table comes first, then the engine network, and nothing it would need', (t) => {
  t.deepEqual(diff(wanted, nothing).map(describe), [
    'load the nft table: missing or altered',
    "let sh4096 pass the engine's firewall: missing",
    'create engine network shop_default on sh4096: missing',
  ]);
});

test('with the bridge there the tunnel and its entries follow', (t) => {
  t.deepEqual(plan({ vxlans: new Map(), fdb: new Map(), neighbours: new Map() }), [
    'add vxlan shvx4096: missing',
    'put 10.210.0.12 02:42:0a:d2:00:0c at 10.98.60.12 on shvx4096: missing',
  ]);
});

const [vxlan] = [...good.vxlans.values()];
const [bridge] = [...good.bridges.values()];
if (vxlan === undefined || bridge === undefined) throw new Error('nothing is wanted');
const altered = (change: Partial<typeof vxlan>): Partial<SeenState> => ({
  vxlans: new Map([[vxlan.name, { ...vxlan, ...change }]]),
});

for (const [what, seen, expected] of [
  ['down', altered({ up: false }), ['set vxlan shvx4096: down']],
  ['off its bridge', altered({ master: undefined }), ['set vxlan shvx4096: on bridge none']],
  ['flooding', altered({ portFloods: true }), ['set vxlan shvx4096: floods']],
  ['too large', altered({ mtu: 1500 }), ['set vxlan shvx4096: mtu is 1500']],
  [
    'learning',
    altered({ learning: true }),
    ['remove device shvx4096: learns', 'add vxlan shvx4096: learns'],
  ],
  [
    'of another source',
    altered({ local: '10.0.0.1' }),
    ['remove device shvx4096: source is 10.0.0.1', 'add vxlan shvx4096: source is 10.0.0.1'],
  ],
] as const)
  test(`a tunnel that is ${what} is put right`, (t) => {
    t.deepEqual(plan(seen), expected);
  });

test('an endpoint that moved is pointed at its new node without being removed first', (t) => {
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
    'put 10.210.0.12 02:42:0a:d2:00:0c at 10.98.60.12 on shvx4096: it was at 10.98.60.13',
  ]);
});

test('a second destination of an endpoint is taken away', (t) => {
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
    'remove 02:42:0a:d2:00:0c at 10.98.60.13 from shvx4096: it is at 10.98.60.12',
  ]);
});

test('with the last network the nft table goes too', (t) => {
  const none = wantedState({ networks: [], endpoints: [] }, facts);
  const seen = { ...nothing, rulesetMark: rulesetFor(wanted)?.mark };
  t.deepEqual(diff(none, seen).map(describe), ['load the nft table: no network is on this node']);
  t.deepEqual(diff(none, nothing), []);
});

test('entries of an endpoint that is gone are removed from tunnel, bridge and neighbours', (t) => {
  const empty = wantedState({ ...view, endpoints: [] }, facts);
  const seen = { ...good, rulesetMark: rulesetFor(empty)?.mark };
  t.deepEqual(diff(empty, seen).map(describe), [
    'remove 02:42:0a:d2:00:0c at 10.98.60.12 from shvx4096: no such endpoint',
    'remove neighbour 10.210.0.12 from shvx4096: no such endpoint',
  ]);
});

test('a bridge deleted under its network comes back with the ports it had', (t) => {
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
  t.deepEqual(diff(wanted, seen, remembered).map(describe), [
    'add bridge sh4096: deleted under its network',
    'attach veth1 to sh4096: came off its bridge',
  ]);
});

test('a bridge without its gateway address gets it back', (t) => {
  const bridges = new Map([[bridge.name, { ...bridge, addresses: ['10.0.0.1/8'] }]]);
  t.deepEqual(plan({ bridges }), ['set bridge sh4096: without its address 10.210.0.1/16']);
});

test('a bridge that was left behind is removed before its network is made', (t) => {
  t.deepEqual(plan({ engine: [] }).slice(0, 2), [
    'remove device sh4096: left behind without its network',
    'create engine network shop_default on sh4096: missing',
  ]);
});

test('an engine network with another gateway is replaced, one with another mtu only when it is empty', (t) => {
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

test('a network that is not on this node is cut first and then removed', (t) => {
  const empty: WantedState = { networks: [], vteps: [] };
  t.deepEqual(diff(empty, good).map(describe), [
    'remove device shvx4096: its network is not on this node',
    'load the nft table: no network is on this node',
    'end the pass of sh4096: its network is not on this node',
    'remove engine network shop_default: it is not on this node',
  ]);
  t.deepEqual(removeAll(good), diff(empty, good));
});

test('traffic of a bridge gets its pass, others of ours lose theirs, foreign ones stay', (t) => {
  t.deepEqual(plan({ passes: new Set(['sh77', 'docker0']) }), [
    'end the pass of sh77: its network is not on this node',
    "let sh4096 pass the engine's firewall: missing",
  ]);
  t.deepEqual(plan({ passes: undefined }), []);
});

test('with the engine silent tunnels are still looked after', (t) => {
  t.deepEqual(plan({ engine: undefined, ...altered({ up: false }) }), ['set vxlan shvx4096: down']);
});

test('devices that only resemble ours are never planned for removal', (t) => {
  const foreign = { ...vxlan, name: 'shvxlan0' };
  t.deepEqual(plan({ vxlans: new Map([...good.vxlans, [foreign.name, foreign]]) }), []);
});
