import test from 'ava';
import { closedPolicy } from '../../../../manager/common/model/trust/project-policy.js';
import { noUsage } from '../../../../manager/common/model/trust/project-quota.js';
import { FakeCluster } from '../../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../../helpers/program/run-command.js';

const policy = { ...closedPolicy, bindPaths: ['/srv/shop'], capabilities: ['NET_ADMIN'] };
const shop = { project: 'shop', policy, quota: {}, used: noUsage };

function cluster(): FakeCluster {
  return new FakeCluster(
    {},
    {
      'project.set-policy': () => shop,
      'project.settings': () => [shop, { ...shop, project: 'blog', policy: closedPolicy }],
    },
  );
}

test('project policy sends what to allow and what to deny', async (t) => {
  const client = cluster();
  const flags = ['--allow-bind', '/a', '--allow-bind', '/b', '--allow-privileged'];
  const argv = ['project', 'policy', 'shop', ...flags, '--deny-capability', 'NET_ADMIN'];
  t.is((await runCommand(argv, { client })).stdout, 'shop\n');
  const allow = { ...closedPolicy, privileged: true, bindPaths: ['/a', '/b'] };
  const deny = { ...closedPolicy, capabilities: ['NET_ADMIN'] };
  t.deepEqual(client.calls, [
    { name: 'project.set-policy', args: { project: 'shop', allow, deny } },
  ]);
});

test('project policy without a right changes nothing', async (t) => {
  const client = cluster();
  const { error } = await runCommand(['project', 'policy', 'shop'], { client });
  t.regex(error ?? '', /^project policy shop: no right given; use --allow-… or --deny-…/u);
  t.deepEqual(client.calls, []);
});

test('project policy show lists projects with a policy, reset removes it', async (t) => {
  const { stdout } = await runCommand(['project', 'policy', 'show'], { client: cluster() });
  t.deepEqual(stdout.split('\n')[1]?.split(/\s{2,}/u), [
    ...['shop', 'no', 'no', '/srv/shop', 'NET_ADMIN', 'no'],
  ]);
  t.notRegex(stdout, /blog/u);
  const client = cluster();
  await runCommand(['project', 'policy', 'reset', 'shop'], { client });
  t.deepEqual(client.calls, [
    { name: 'project.set-policy', args: { project: 'shop', reset: true } },
  ]);
});
