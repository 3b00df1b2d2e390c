import test from 'ava';
import {
  parseEffectiveConfig,
  parseProxyJump,
} from '../../../../cli/ssh/transport/effective-config.js';

test('the output of ssh -G becomes settings', (t) => {
  const output = [
    'host gamma',
    'user ann',
    'hostname 10.0.0.3',
    'port 2222',
    'stricthostkeychecking true',
    'serveraliveinterval 30',
    'hostkeyalias gamma.example',
    'userknownhostsfile /home/ann/.ssh/known_hosts ~/.ssh/known_hosts2',
    'globalknownhostsfile none',
    'connecttimeout 4',
    'proxyjump alpha,ann@beta:24',
  ].join('\n');
  t.deepEqual(parseEffectiveConfig(output), {
    hostname: '10.0.0.3',
    port: 2222,
    user: 'ann',
    hostKeyAlias: 'gamma.example',
    knownHostsFiles: ['/home/ann/.ssh/known_hosts', '~/.ssh/known_hosts2'],
    strictHostKeyChecking: 'yes',
    proxyJump: 'alpha,ann@beta:24',
    connectTimeoutS: 4,
    serverAliveIntervalS: 30,
  });
  t.like(parseEffectiveConfig('hostname x\nconnecttimeout none\nproxycommand none\n'), {
    connectTimeoutS: undefined,
    proxyCommand: undefined,
    port: 22,
  });
});

test('jump hosts have users, ports and IPv6 addresses', (t) => {
  t.deepEqual(parseProxyJump('alpha,ann@beta:24,ssh://bob@[fd00::1]:2222,[fd00::2]'), [
    { host: 'alpha' },
    { host: 'beta', user: 'ann', port: 24 },
    { host: 'fd00::1', user: 'bob', port: 2222 },
    { host: 'fd00::2' },
  ]);
});
