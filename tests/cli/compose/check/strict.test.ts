import test from 'ava';
import type { ExecutionContext } from 'ava';
import { fileWith, loadFiles, refusalOf } from '../../../helpers/compose/load-files.js';

const refusal = (t: ExecutionContext, keys: string, more = ''): string =>
  refusalOf(t, { 'compose.yaml': fileWith(keys, more) });

/** The refusal of a pool of network `n`. */
const pool = (t: ExecutionContext, keys: string): string =>
  refusal(t, 'networks: [n]', `networks:\n  n: {ipam: {config: [{${keys}}]}}\n`);

test('a subnet is an address with as many bits as it may have', (t) => {
  for (const subnet of ['10.1.0.0/16', '10.1.0.0/32', '0.0.0.0/0']) {
    t.is(pool(t, `subnet: ${subnet}`), '', `subnet ${subnet}`);
  }
  for (const subnet of [
    '10.1.0.0',
    '10.1.0.0/33',
    '10.1.0/16',
    '10.1.0.0/x',
    'x/8',
    '"fd00::/129"',
  ])
    t.regex(
      pool(t, `subnet: ${subnet}`),
      /networks\.n\.ipam\.config\.0\.subnet: .* is not a subnet; write ADDRESS\/BITS as 10\.1\.0\.0\/16$/u,
      `subnet ${subnet}`,
    );
  t.notRegex(pool(t, 'subnet: "fd00::/128"'), /is not a subnet/u);
  t.regex(pool(t, 'subnet: 10.1.0.0/16, ip_range: x'), /ip_range: "x" is not a subnet/u);
});

test('a gateway is an address', (t) => {
  t.is(pool(t, 'subnet: 10.1.0.0/16, gateway: 10.1.0.1'), '');
  t.regex(
    pool(t, 'subnet: 10.1.0.0/16, gateway: 10.1.0'),
    /networks\.n\.ipam\.config\.0\.gateway: "10\.1\.0" is not an IP address; write 10\.1\.0\.1$/u,
  );
});

test('words of a service are those that the engine or the cluster knows', (t) => {
  for (const [keys, path] of [
    ['pull_policy: sometimes', 'pull_policy'],
    ['pull_policy: every_', 'pull_policy'],
    ['deploy: {mode: other}', 'deploy\\.mode'],
    ['deploy: {endpoint_mode: other}', 'deploy\\.endpoint_mode'],
    ['deploy: {restart_policy: {condition: other}}', 'deploy\\.restart_policy\\.condition'],
    ['deploy: {update_config: {failure_action: other}}', 'deploy\\.update_config\\.failure_action'],
    [
      'deploy: {rollback_config: {failure_action: rollback}}',
      'deploy\\.rollback_config\\.failure_action',
    ],
  ] as const) {
    t.regex(refusal(t, keys), new RegExp(`^compose\\.yaml:2:\\d+: services\\.a\\.${path}: `, 'u'));
  }
  for (const keys of [
    'pull_policy: every_12h30m',
    'pull_policy: weekly',
    'deploy: {mode: global-job}',
    'deploy: {endpoint_mode: vip}',
    'deploy: {restart_policy: {condition: unless-stopped}}',
    'deploy: {update_config: {failure_action: rollback}}',
    'deploy: {rollback_config: {failure_action: continue}}',
  ]) {
    t.is(refusal(t, keys), '', `key ${keys}`);
  }
});

test('an exposed port that is none is a warning with its place', (t) => {
  const { warnings } = loadFiles(t, {
    'compose.yaml': fileWith('expose: ["80", "x", "90-92/udp", "123456"]'),
  });
  t.is(warnings.length, 2);
  t.regex(warnings[0] ?? '', /services\.a\.expose\.1: "x" is not a port/u);
  t.regex(warnings[1] ?? '', /services\.a\.expose\.3: "123456" is not a port/u);
});

test('counts fit in a signed 32-bit integer', (t) => {
  const attempts = (count: string): string =>
    refusal(t, `deploy: {restart_policy: {condition: any, max_attempts: ${count}}}`);
  t.is(attempts('0'), '');
  t.is(attempts('2147483647'), '');
  t.regex(
    attempts('2147483648'),
    /max_attempts: 2147483648 is out of range; use 0 to 2147483647$/u,
  );
  t.regex(refusal(t, 'scale: -1'), /services\.a\.scale: /u);
});

test('a published port is a port or a range of ports', (t) => {
  const published = (text: string): string =>
    refusal(t, `ports: [{target: 80, published: "${text}"}]`);
  for (const text of ['', '0', '65535', '80-80', '80-90', '65534-65535']) t.is(published(text), '');
  for (const text of ['65536', '90-80', '80-65536', '90000-80000', 'x', '1-2-3']) {
    t.regex(
      published(text),
      /services\.a\.ports\.0\.published: ".*" is not a port or a range of ports; use 0 to 65535$/u,
      `port ${text}`,
    );
  }
});

test('a host port is published once for each address and protocol', (t) => {
  const both = (a: string, b: string): string =>
    refusal(t, `ports: [{target: 80, ${a}}, {target: 81, ${b}}]`);
  t.regex(
    both('published: "8080"', 'published: "8080"'),
    /is already published by ports\.0; remove/u,
  );
  t.is(both('published: "8080"', 'published: "8080", protocol: udp'), '');
  t.is(both('published: "8080", host_ip: 127.0.0.1', 'published: "8080", host_ip: 127.0.0.2'), '');
  t.is(both('published: "8080-8090"', 'published: "8080-8090"'), '', 'the engine chooses');
  t.is(both('published: "0"', 'published: "0"'), '');
});
