import test from 'ava';
import { planPorts } from '../../../../manager/gateway/create/ports.js';

test('ports keep address, range and protocol; an absent host port is left to the engine', (t) => {
  const ports = planPorts({
    PortBindings: {
      '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }, { HostPort: '9000-9010' }],
      '53/udp': [{ HostPort: '' }],
      '7': undefined,
    },
  });
  const host = { mode: 'host' };
  const tcp = { target: 80, protocol: 'tcp', ...host };
  // Keys that look like numbers come first.
  t.deepEqual(ports as unknown, [
    { target: 7, protocol: 'tcp', ...host },
    { ...tcp, hostIp: '127.0.0.1', published: 8080 },
    { ...tcp, published: 9000, publishedEnd: 9010 },
    { target: 53, protocol: 'udp', ...host },
  ]);
});

for (const [key, HostPort] of [
  ['80/tcp', 'x'],
  ['80/tcp', '70000'],
  ['80/tcp', '9-8'],
  ['0/tcp', '1'],
  ['80/icmp', '1'],
  ['web', '1'],
] as const) {
  test(`the binding of ${key} to ${HostPort} is refused`, (t) => {
    t.throws(() => planPorts({ PortBindings: { [key]: [{ HostPort }] } }), {
      message: /invalid (?:port specification|protocol)/u,
    });
  });
}
