import test from 'ava';
import fc from 'fast-check';
import { aService, aTask } from '../../../../fixtures/cluster/build.js';
import {
  isWildcardAddress,
  orderedPorts,
  portAddress,
} from '../../../../manager/common/model/published-ports.js';
import type { PublishedPort } from '../../../../manager/common/model/task.js';

const aPort = (changes: Partial<PublishedPort> = {}): PublishedPort => ({
  target: 80,
  protocol: 'tcp',
  hostIp: '',
  published: 8080,
  ...changes,
});
const portsOf = (ports: readonly PublishedPort[]): readonly PublishedPort[] =>
  orderedPorts(aTask(aService('web'), 1, { status: { ports } }));

test('a port on all addresses is reached at the address of its node', (t) => {
  for (const hostIp of ['', '0.0.0.0', '::']) {
    t.true(isWildcardAddress(hostIp));
    t.is(portAddress(aPort({ hostIp }), '192.0.2.1'), '192.0.2.1');
  }
});

test('a port on one address is reached there, whatever the address of its node', (t) => {
  t.false(isWildcardAddress('127.0.0.1'));
  t.is(portAddress(aPort({ hostIp: '127.0.0.1' }), '192.0.2.1'), '127.0.0.1');
  t.is(portAddress(aPort({ hostIp: '127.0.0.1' }), ''), '127.0.0.1');
});

test('a port of a node without an address is shown with the wildcard', (t) => {
  t.is(portAddress(aPort({ hostIp: '' }), ''), '0.0.0.0');
  t.is(portAddress(aPort({ hostIp: '::' }), ''), '::');
});

test('a task without published ports has none', (t) => {
  t.deepEqual(orderedPorts(aTask(aService('web'), 1)), []);
});

test('ports are ordered by target, published port and protocol', (t) => {
  const ordered = [
    aPort({ target: 80, published: 9000 }),
    aPort({ target: 443, published: 8080, protocol: 'sctp' }),
    aPort({ target: 443, published: 8080, protocol: 'tcp' }),
    aPort({ target: 443, published: 8080, protocol: 'udp' }),
    aPort({ target: 443, published: 8443 }),
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(ordered, { minLength: ordered.length }), (ports) => {
      t.deepEqual(portsOf(ports), ordered);
    }),
  );
});

test('IPv4 and IPv6 of a published port are one port', (t) => {
  t.is(portsOf([aPort({ hostIp: '0.0.0.0' }), aPort({ hostIp: '::' })]).length, 1);
});
