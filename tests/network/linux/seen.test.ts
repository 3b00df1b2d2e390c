import { readFileSync } from 'node:fs';
import test from 'ava';
import { isAppError } from '../../../manager/common/base/errors.js';
import { parseAcceptRules } from '../../../network/linux/engine-firewall.js';
import { parseBridges } from '../../../network/linux/bridge.js';
import { parseFdb, putFdbLine, removeFdbLines } from '../../../network/linux/fdb.js';
import { parseBridgePorts, removeLinkLine } from '../../../network/linux/link.js';
import { isRelevantEvent } from '../../../network/linux/monitor.js';
import { parseNeighbours } from '../../../network/linux/neighbour.js';
import { parseRulesetMark } from '../../../network/linux/nft.js';
import { parseUplink } from '../../../network/linux/uplink.js';
import { parseVxlans } from '../../../network/linux/vxlan.js';

// Recorded on kernel 6.18 with iproute2 6.1: two overlays, one container on each.
const recorded = (name: string): string => readFileSync(`fixtures/kernel/${name}.json`, 'utf8');

test('parseBridges returns only Shoal bridges, with their addresses', (t) => {
  const bridges = parseBridges(recorded('addr-bridge'));
  t.deepEqual([...bridges.keys()], ['sh5001', 'sh5002']);
  t.deepEqual(bridges.get('sh5001'), {
    name: 'sh5001',
    up: true,
    mac: '02:42:ec:35:ed:08',
    addresses: ['10.210.0.1/24'],
  });
});

test('parsePasses returns only bridges with an accept rule for internal traffic', (t) => {
  const text = `-N DOCKER-USER
-A DOCKER-USER -i sh4096 -o sh4096 -j ACCEPT
-A DOCKER-USER -i sh4097 -o sh4098 -j ACCEPT
-A DOCKER-USER -s 10.0.0.0/8 -i sh4099 -o sh4099 -j ACCEPT
-A DOCKER-USER -j RETURN
`;
  t.deepEqual([...parseAcceptRules(text)], ['sh4096']);
});

test('parseVxlans returns the settings of the tunnel and of its bridge port', (t) => {
  t.deepEqual(parseVxlans(recorded('link-vxlan')).get('shvx5001'), {
    name: 'shvx5001',
    vni: 5001,
    port: 4789,
    local: '10.98.60.11',
    learning: false,
    proxy: true,
    mtu: 1450,
    up: true,
    master: 'sh5001',
    portFloods: false,
  });
});

test('parseFdb returns tunnel entries, without learned and local entries of bridges', (t) => {
  const fdb = parseFdb(recorded('fdb'));
  t.deepEqual([...fdb.keys()], ['shvx5001', 'shvx5002']);
  const device = fdb.get('shvx5001');
  t.deepEqual([...(device?.tunnel ?? [])], [['02:42:0a:d2:00:0c', ['10.98.60.12']]]);
  t.deepEqual([...(device?.bridge ?? [])], ['02:42:0a:d2:00:0c']);
});

test('parseNeighbours groups neighbours by tunnel', (t) => {
  const neighbours = parseNeighbours(recorded('neigh-permanent'));
  t.is(neighbours.get('shvx5001')?.get('10.210.0.12'), '02:42:0a:d2:00:0c');
  t.is(neighbours.get('shvx5002')?.size, 1);
});

test('parsePorts returns ports of Shoal bridges and interfaces without a bridge', (t) => {
  const ports = parseBridgePorts(recorded('bridge-link'));
  t.is(ports.get('veth27b170a'), 'sh5001');
  const text = JSON.stringify([
    { ifname: 'eth0' },
    { ifname: 'veth1', master: 'docker0' },
    { ifname: 'sh5001' },
  ]);
  t.deepEqual([...parseBridgePorts(text)], [['eth0', undefined]]);
});

test('the uplink is the interface with the node’s address', (t) => {
  const facts = parseUplink('10.98.60.11', recorded('addr4'), '[]');
  t.deepEqual(facts, { address: '10.98.60.11', addressIsLocal: true, uplinkMtu: 1500 });
});

test('behind one-to-one NAT the uplink is the interface of the default route', (t) => {
  const route = JSON.stringify([{ dst: 'default', gateway: '10.98.60.1', dev: 'eth0' }]);
  const facts = parseUplink('203.0.113.7', recorded('addr4'), route);
  t.deepEqual(facts, { address: '203.0.113.7', addressIsLocal: false, uplinkMtu: 1500 });
  const error = t.throws(() => parseUplink('203.0.113.7', recorded('addr4'), ''));
  t.true(isAppError(error) && error.kind === 'unavailable');
});

const rule = (comment?: string): object => ({ rule: { family: 'inet', expr: [], comment } });
const ruleset = (...items: object[]): string =>
  JSON.stringify({ nftables: [{ metainfo: {} }, { table: { name: 'shoal' } }, ...items] });

test('the ruleset mark is valid only if every rule has it and no rule is missing', (t) => {
  t.is(parseRulesetMark(ruleset(rule('abc/2'), rule('abc/2'))), 'abc/2');
  t.is(parseRulesetMark(ruleset(rule('abc/2'))), undefined);
  t.is(parseRulesetMark(ruleset(rule('abc/2'), rule('abc/2'), rule())), undefined);
  t.is(parseRulesetMark(ruleset()), undefined);
});

for (const [line, concerns] of [
  ['Deleted 02:42:0a:d3:00:0c dev shvx5002 dst 10.98.60.12 self permanent', true],
  ['Deleted 9: shvx5002: <BROADCAST,MULTICAST> mtu 1450 master sh5002 state DOWN', true],
  ['Deleted 10.211.0.12 dev shvx5002 lladdr 02:42:0a:d3:00:0c PERMANENT', true],
  ['Deleted 8: sh5002    inet 10.211.0.1/24 brd 10.211.0.255 scope global sh5002', true],
  ['7: veth27b170a@if6: <BROADCAST> mtu 1450 qdisc noqueue master sh5001 state UP', false],
  ['02:42:0a:d2:00:0b dev veth27b170a master sh5001', false],
  ['10.210.0.11 dev sh5001 lladdr 02:42:0a:d2:00:0b REACHABLE', false],
  ['10.98.60.1 dev eth0 lladdr 16:8a:68:4c:37:8a REACHABLE', false],
  ['5: shell0: <BROADCAST> mtu 1500', false],
] as const)
  test(`kernel event "${line.slice(0, 40)}…" ${concerns ? 'triggers' : 'does not trigger'} a resync`, (t) => {
    t.is(isRelevantEvent(line), concerns);
  });

test('removeLinkLine rejects devices that Shoal does not own', (t) => {
  t.is(removeLinkLine('shvx5001'), 'link del dev shvx5001');
  for (const name of ['eth0', 'docker0', 'shvx', 'shvx5001 foo', 'sh50x'])
    t.throws(() => removeLinkLine(name));
});

test('one line adds an entry to tunnel and bridge, and separate lines remove them', (t) => {
  const entry = { mac: '02:42:0a:d2:00:0c', address: '10.210.0.12', vtep: '10.98.60.12' };
  t.is(
    putFdbLine('shvx5001', entry),
    'fdb replace 02:42:0a:d2:00:0c dev shvx5001 dst 10.98.60.12 self master static',
  );
  t.deepEqual(removeFdbLines('shvx5001', entry.mac, entry.vtep, true), [
    'fdb del 02:42:0a:d2:00:0c dev shvx5001 master',
    'fdb del 02:42:0a:d2:00:0c dev shvx5001 dst 10.98.60.12 self',
  ]);
});
