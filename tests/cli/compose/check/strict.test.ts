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
