import test from 'ava';
import type { EffectiveConfig, JumpHost } from '../../../../cli/ssh/transport/effective-config.js';
import { resolveRoute } from '../../../../cli/ssh/transport/route.js';

function reader(jumps: Readonly<Record<string, string>>) {
  return ({ host }: JumpHost): Promise<EffectiveConfig> => {
    const proxyJump = jumps[host];
    return Promise.resolve({
      hostname: `${host}.example`,
      port: 22,
      user: 'root',
      knownHostsFiles: [],
      strictHostKeyChecking: 'ask',
      serverAliveIntervalS: 0,
      ...(proxyJump === undefined ? {} : { proxyJump }),
    });
  };
}

test('only the first of several hops has jump hosts of its own', async (t) => {
  const read = reader({ gamma: 'alpha,beta:24', alpha: 'bastion', beta: 'ignored' });
  const { hops } = await resolveRoute('web', { host: 'gamma' }, read);
  t.deepEqual(hops, [
    { host: 'bastion', place: 'bastion.example:22' },
    { host: 'alpha', place: 'alpha.example:22' },
    { host: 'beta', place: 'beta.example:24' },
  ]);
});

test('a loop over several hosts is an error with the chain', async (t) => {
  const read = reader({ gamma: 'beta', beta: 'alpha', alpha: 'beta' });
  await t.throwsAsync(resolveRoute('web', { host: 'gamma' }, read), {
    message: /^web: ProxyJump loops: gamma -> beta -> alpha -> beta; /u,
  });
});
