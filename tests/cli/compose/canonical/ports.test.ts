import test from 'ava';
import { canonicalPorts, parsePortSpec } from '../../../../cli/compose/canonical/ports.js';
import { Float, type Tree, type TreeMap } from '../../../../cli/compose/yaml/tree.js';

/** Ports as `IP|published|target/protocol`. */
function parse(spec: string): readonly string[] {
  return parsePortSpec(spec).map(
    ({ hostIp, published, target, protocol }) => `${hostIp}|${published}|${target}/${protocol}`,
  );
}

test('a spec has a target, a published port, an address and a protocol', (t) => {
  for (const [spec, ports] of [
    ['80', ['||80/tcp']],
    ['80/', ['||80/tcp']],
    ['80/UDP', ['||80/udp']],
    ['53/sctp', ['||53/sctp']],
    ['8080:80', ['|8080|80/tcp']],
    ['0:80', ['|0|80/tcp']],
    [':80', ['||80/tcp']],
    ['127.0.0.1:8080:80', ['127.0.0.1|8080|80/tcp']],
    ['127.0.0.1::80', ['127.0.0.1||80/tcp']],
    ['[::1]:8080:80/udp', ['::1|8080|80/udp']],
    ['[::1]:80', ['::1||80/tcp']],
    ['65535:65535', ['|65535|65535/tcp']],
    ['8000-8002:80', ['|8000-8002|80/tcp']],
    ['8000-8000:80', ['|8000|80/tcp']],
    ['80-81', ['||80/tcp', '||81/tcp']],
    ['8080-8081:80-81', ['|8080|80/tcp', '|8081|81/tcp']],
    ['109-111:9-11', ['|110|10/tcp', '|111|11/tcp', '|109|9/tcp']],
  ] as const) {
    t.deepEqual({ [spec]: parse(spec) }, { [spec]: ports } as never);
  }
});

test('faults of a spec are named', (t) => {
  for (const [spec, fault] of [
    ['', 'is missing a target port; use a container port of 1 or more'],
    ['80:', 'is missing a target port; use a container port of 1 or more'],
    ['8080:0', 'is missing a target port; use a container port of 1 or more'],
    ['00-5', 'is missing a target port; use a container port of 1 or more'],
    ['80/icmp', 'has unknown protocol "icmp"; use tcp, udp or sctp'],
    ['[fe80::1%eth0]:80:80', 'has invalid address "fe80::1%eth0"; use an IP address of the host'],
    ['1-2:3-5', 'has ranges of different length; use equal ranges'],
    ['5:3-4', 'has ranges of different length; use equal ranges'],
    ['[::1]:1:2:3', 'has too many colons; write IP:HOST:PORT'],
    ['::1:80:80', 'has an IPv6 address without brackets; write [::1]:80:80'],
    ['1.2.3:80:80', 'has invalid address "1.2.3"; use an IP address of the host'],
    ['5-3', 'has invalid range "5-3"; write START-END'],
    ['1-2-3', 'has invalid range "1-2-3"; write START-END'],
    ['65536', 'has invalid port "65536"; use 0 to 65535'],
    ['x', 'has invalid port "x"; use 0 to 65535'],
    ['80:100000', 'has invalid port "100000"; use 0 to 65535'],
    ['-1', 'has invalid port ""; use 0 to 65535'],
  ] as const) {
    t.is(t.throws(() => parsePortSpec(spec)).message, `port "${spec}" ${fault}`);
  }
});

const root = {} as TreeMap;
const path = ['services', 'a', 'ports'];

function canonical(value: Tree, lenient = false): unknown {
  return JSON.parse(JSON.stringify(canonicalPorts(value, path, root, lenient)));
}

test('every form of a port becomes the long form', (t) => {
  const long = { target: 90, app_protocol: 'http' };
  t.deepEqual(canonical(['127.0.0.1:8080:80', 81, long as never]), [
    { mode: 'ingress', host_ip: '127.0.0.1', target: 80, published: '8080', protocol: 'tcp' },
    { mode: 'ingress', target: 81, protocol: 'tcp' },
    long,
  ]);
  t.deepEqual(canonical(['80-81', '90']), [
    { mode: 'ingress', target: 80, protocol: 'tcp' },
    { mode: 'ingress', target: 81, protocol: 'tcp' },
    { mode: 'ingress', target: 90, protocol: 'tcp' },
  ]);
});

test('a fault in a list is refused with its path, or kept if leniency is asked for', (t) => {
  const refusal = (value: Tree, lenient = false): string =>
    t.throws(() => canonicalPorts(value, path, root, lenient)).message;
  t.is(refusal('80'), 'services.a.ports: must be a list of ports');
  t.regex(refusal(['80', 'x']), /^services\.a\.ports\.1: port "x" has invalid port/u);
  for (const item of [true, null, 1.5, new Float(80)]) {
    t.is(
      refusal([item], true),
      'services.a.ports.0: port must be a string, an integer or a mapping',
    );
  }
  t.deepEqual(canonical(['$PORT', '80-81'], true), [
    '$PORT',
    { mode: 'ingress', target: 80, protocol: 'tcp' },
    { mode: 'ingress', target: 81, protocol: 'tcp' },
  ]);
});
