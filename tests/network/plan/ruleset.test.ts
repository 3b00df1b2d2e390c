import test from 'ava';
import fc from 'fast-check';
import { aNetworkOnNode, anEndpoint } from '../../../fixtures/cluster/network-view.js';
import type { NetworkView } from '../../../manager/common/model/network-view.js';
import { bridgeOf, vxlanOf } from '../../../network/plan/names.js';
import type { ObservedState, ObservedVxlan } from '../../../network/plan/observed.js';
import { fixedRuleset, hasFixedChains, rulesetFor } from '../../../network/plan/ruleset.js';
import { cleanUpText, loadText, updateTableText } from '../../../network/plan/table.js';
import type { WantedTable } from '../../../network/plan/table.js';
import type { WantedState } from '../../../network/plan/wanted.js';
import { wantedState } from '../../../network/plan/wanted.js';
import { FakeNft } from '../../helpers/fakes/fake-nft.js';

const facts = { address: '10.98.60.11', addressIsLocal: true, uplinkMtu: 1500 };
const vtep = (node: number): string => `10.98.60.${String(node)}`;
const nodes = [12, 13, 14] as const;
const vnis = [4096, 5000, 70_000, 2 ** 24 - 1] as const;

/** Nodes other than this one by the VNI of their networks. */
type Members = Readonly<Record<string, readonly number[]>>;

function wantedFor(members: Members): WantedState {
  const view: NetworkView = { networks: [], endpoints: [] };
  const networks = Object.keys(members).map((vni) =>
    aNetworkOnNode({ key: vni, vni: Number(vni) }),
  );
  const endpoints = networks.flatMap(({ id, key }) =>
    (members[key] ?? []).map((node) =>
      anEndpoint({
        networkId: id,
        slot: node,
        address: `10.210.0.${String(node)}`,
        vtep: vtep(node),
      }),
    ),
  );
  return wantedState({ ...view, networks, endpoints }, facts);
}

type Devices = Pick<ObservedState, 'bridges' | 'vxlans'>;

/** The devices of networks as observed. */
function devicesOf(of: readonly number[]): Devices {
  const vxlans = of.map((vni): [string, ObservedVxlan] => [
    vxlanOf(vni),
    {
      ...{ name: vxlanOf(vni), vni, port: 4789, local: facts.address, learning: false },
      ...{ proxy: true, mtu: 1450, up: true, master: bridgeOf(vni), portFloods: false },
    },
  ]);
  const bridges = of.map(
    (vni) => [bridgeOf(vni), { name: bridgeOf(vni), up: true, mac: '', addresses: [] }] as const,
  );
  return { bridges: new Map(bridges), vxlans: new Map(vxlans) };
}

function loaded(members: Members, devices: Devices = devicesOf([])): FakeNft {
  const nft = new FakeNft();
  nft.apply(loadText(rulesetFor(wantedFor(members), devices)));
  return nft;
}

const tunnel = (vni: number, source: string) => ({ udpPort: 4789, vni, source });

const accepted = (nft: FakeNft, vni: number): readonly number[] =>
  [11, ...nodes].filter((node) => nft.trace('input', tunnel(vni, vtep(node))) === 'accept');

test('no container reaches a tunnel endpoint of any node, with or without networks', (t) => {
  for (const nft of [loaded({}), loaded({ 4096: [12] })])
    for (const from of ['docker0', 'br-0a1b2c', 'sh4096', 'macvtap0'])
      t.is(nft.trace('forward', { udpPort: 4789, from, to: 'eth0', ct: 'established' }), 'drop');
  t.is(loaded({}).trace('forward', { udpPort: 4790, from: 'docker0', to: 'eth0' }), 'accept');
});

test('containers of one network may use any port between them', (t) => {
  const packet = { udpPort: 4789, from: 'sh4096', to: 'sh4096' };
  t.is(loaded({ 4096: [] }).trace('forward', packet), 'accept');
});

test('tunnel packets are accepted from the endpoints of their own network only', (t) => {
  const nft = loaded({ 4096: [12, 13], 5000: [13, 14], 70_000: [] });
  t.deepEqual(accepted(nft, 4096), [12, 13]);
  t.deepEqual(accepted(nft, 5000), [13, 14]);
  t.deepEqual(accepted(nft, 70_000), []);
});

test('tunnel packets of other overlays on the machine are not touched', (t) => {
  t.deepEqual(accepted(loaded({ 4096: [12] }), 4097), [11, 12, 13, 14]);
});

test('a container cannot send tunnel packets with the address of another node to its own', (t) => {
  const packet = { ...tunnel(4096, vtep(12)), isSpoofed: true };
  t.is(loaded({ 4096: [12] }).trace('input', packet), 'drop');
});

test('only replies and published ports are routed into a network', (t) => {
  const nft = loaded({ 4096: [] });
  const verdict = (ct: 'new' | 'established' | 'dnat', to = 'sh4096') =>
    nft.trace('forward', { from: 'eth0', to, ct });
  t.is(verdict('new'), 'drop');
  t.is(verdict('established'), 'accept');
  t.is(verdict('dnat'), 'accept');
  t.is(verdict('new', 'docker0'), 'accept');
});

test('the table of a node without networks is equal on all nodes', (t) => {
  const nft = loaded({});
  t.deepEqual([...nft.chains.keys()].sort(), [
    'forward',
    'input',
    'output',
    'to-network',
    'tunnels',
  ]);
  t.true(hasFixedChains(nft.observe()));
  t.is(updateTableText(fixedRuleset, nft.observe()), undefined);
});

test('a table with a missing or altered fixed chain is replaced', (t) => {
  for (const chain of ['input', 'forward', 'output', 'to-network']) {
    const { chains, sets } = loaded({}).observe();
    t.false(hasFixedChains({ chains: new Map([...chains, [chain, undefined]]), sets }));
  }
});

const anyMembers: fc.Arbitrary<Members> = fc.dictionary(
  fc.constantFrom(...vnis.map(String)),
  fc.subarray([...nodes]),
  { maxKeys: vnis.length },
);

/** Applies what the table lacks and removes what is stale, as one round of the overlay does. */
function reconcile(nft: FakeNft, wanted: WantedTable): void {
  const seen = nft.observe();
  for (const text of [updateTableText(wanted, seen), cleanUpText(wanted, seen)])
    if (text !== undefined) nft.apply(text);
}

const contentOf = ({ chains, sets }: FakeNft): string =>
  JSON.stringify([
    [...chains].sort(),
    [...sets].map(([name, elements]) => [name, ...[...elements].sort()]).sort(),
  ]);

test('updates lead from any table to any other, and never open a network in between', (t) => {
  const sources = (nft: FakeNft, all: readonly number[]): string =>
    JSON.stringify(all.map((vni) => accepted(nft, vni)));
  fc.assert(
    fc.property(anyMembers, anyMembers, (before, after) => {
      const [had, has] = [before, after].map((members) => Object.keys(members).map(Number));
      if (had === undefined || has === undefined) return false;
      const nft = loaded(before, devicesOf(had));
      const wanted = wantedFor(after);
      const expected = (all: readonly number[]): string =>
        JSON.stringify(all.map((vni) => [...(after[String(vni)] ?? [])].sort()));
      // The worker may be killed after any transaction; first the former devices are still there.
      for (const [devices, present] of [
        [devicesOf(had), [...had, ...has]],
        [devicesOf([]), has],
      ] as const)
        for (let round = 0; round < 2; round += 1) {
          reconcile(nft, rulesetFor(wanted, devices));
          if (sources(nft, present) !== expected(present)) return false;
        }
      return contentOf(nft) === contentOf(loaded(after));
    }),
  );
  t.pass();
});

test('a node that joins or leaves a network costs one element, whatever the size', (t) => {
  const many = Array.from({ length: 50 }, (_, at) => 12 + at);
  const members = Object.fromEntries(
    Array.from({ length: 20 }, (_, at) => [String(4096 + at), many]),
  );
  const seen = loaded(members).observe();
  const update = (changed: Members): string | undefined =>
    updateTableText(rulesetFor(wantedFor({ ...members, ...changed }), devicesOf([])), seen);
  t.is(
    update({ 4100: [...many, 200] }),
    'add element inet shoal endpoints-4100 { 10.98.60.200 }\n',
  );
  t.is(
    update({ 4101: many.slice(1) }),
    'delete element inet shoal endpoints-4101 { 10.98.60.12 }\n',
  );
  t.is(update({}), undefined);
});
