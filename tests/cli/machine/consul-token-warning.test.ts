import test from 'ava';
import { consulTokenWarning } from '../../../cli/machine/consul-token-warning.js';

const flags = { swarmDiscovery: 'consul://10.0.0.5:8500,127.0.0.1', consulToken: '/token' };

test('a token that travels to another machine without TLS is warned of, with the addresses', (t) => {
  t.regex(
    consulTokenWarning(flags) ?? '',
    /^warning: .* unencrypted to consul at 10\.0\.0\.5:8500; /u,
  );
});

test('TLS, loopback, no token or no Consul need no warning', (t) => {
  for (const quiet of [
    { ...flags, consulCa: '/ca' },
    { ...flags, swarmDiscovery: 'consul://127.0.0.1:8500,localhost,[::1]' },
    { ...flags, consulToken: undefined },
    { ...flags, swarmDiscovery: 'embedded' },
    { swarmDiscovery: '', consulServer: true, consulToken: '/token' },
  ])
    t.is(consulTokenWarning(quiet), undefined);
});
