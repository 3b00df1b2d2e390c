import test from 'ava';
import { aTaskSpec } from '../../../fixtures/cluster/build.js';
import type { PortSpec } from '../../../manager/common/model/service.js';
import { choosePorts } from '../../../manager/scheduler/host-ports.js';
import type { HostPort, UsedPorts } from '../../../manager/store/indexes/used-ports.js';
import { markPortUsed } from '../../../manager/store/indexes/used-ports.js';

const port = (published: number | undefined, changes: Partial<PortSpec> = {}): PortSpec => ({
  target: 80,
  protocol: 'tcp',
  mode: 'host',
  ...(published === undefined ? {} : { published }),
  ...changes,
});

const taskWith = (...ports: readonly PortSpec[]): Parameters<typeof choosePorts>[0] => ({
  spec: aTaskSpec({ ports }),
});

const tcp = (number: number, hostIp = ''): HostPort => ({ protocol: 'tcp', port: number, hostIp });

function used(...ports: readonly HostPort[]): UsedPorts {
  const taken = new Map<string, readonly string[]>();
  for (const each of ports) markPortUsed(taken, each);
  return taken;
}

const chosen = (taken: UsedPorts, ...ports: readonly PortSpec[]): readonly number[] | string => {
  const choice = choosePorts(taskWith(...ports), taken);
  return choice.fits ? choice.ports.map((each) => each.port) : choice.reason;
};

test('all addresses conflict with each one, and each one with itself', (t) => {
  const one = port(80, { hostIp: '10.0.0.1' });
  t.deepEqual(chosen(used(tcp(80, '10.0.0.2')), one), [80]);
  t.is(chosen(used(tcp(80, '10.0.0.1')), one), 'port 80/tcp is already in use');
  t.is(chosen(used(tcp(80)), one), 'port 80/tcp is already in use');
  t.is(chosen(used(tcp(80, '10.0.0.1')), port(80)), 'port 80/tcp is already in use');
  t.deepEqual(chosen(used({ ...tcp(80), protocol: 'udp' }), port(80)), [80]);
});

test('a range gives its first free port, up to its last one', (t) => {
  const range = port(80, { publishedEnd: 82 });
  t.deepEqual(chosen(used(), range), [80]);
  t.deepEqual(chosen(used(tcp(80), tcp(81)), range), [82]);
  t.is(chosen(used(tcp(80), tcp(81), tcp(82)), range), 'port 80-82/tcp is already in use');
  const single = port(80, { publishedEnd: 80 });
  t.is(chosen(used(tcp(80)), single), 'port 80/tcp is already in use');
});

test('two ports of one task never get the same host port', (t) => {
  const range = port(80, { publishedEnd: 81 });
  t.deepEqual(chosen(used(), range, range), [80, 81]);
  t.is(chosen(used(), range, range, range), 'port 80-81/tcp is already in use');
});

test('the ports keep their order, ranges are narrowed and unpublished ports stay', (t) => {
  const ports = [port(undefined), port(80, { publishedEnd: 81, target: 8080 })];
  const choice = choosePorts(taskWith(...ports), used(tcp(80)));
  t.deepEqual(choice, {
    fits: true,
    spec: [port(undefined), port(81, { target: 8080 })],
    ports: [tcp(81)],
  });
  const none = choosePorts(taskWith(port(undefined)), used());
  t.deepEqual(none, { fits: true, spec: [port(undefined)], ports: [] });
});
