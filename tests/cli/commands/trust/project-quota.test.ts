import test from 'ava';
import { closedPolicy } from '../../../../manager/common/model/trust/project-policy.js';
import { noUsage } from '../../../../manager/common/model/trust/project-quota.js';
import type { ProjectSettings } from '../../../../manager/common/protocol/project-calls.js';
import { FakeCluster } from '../../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../../helpers/program/run-command.js';

const shop: ProjectSettings = {
  project: 'shop',
  policy: { ...closedPolicy, bindPaths: ['/srv/shop'] },
  quota: { nanoCpus: 2.5e9, memoryBytes: 4 * 1024 ** 3, containers: 5 },
  used: { ...noUsage, nanoCpus: 1e9, memoryBytes: 1024 ** 3, containers: 2, volumes: 1 },
};

function cluster(): FakeCluster {
  return new FakeCluster(
    {},
    {
      'project.set-quota': () => shop,
      'project.set-policy': () => shop,
      'project.settings': () => [
        shop,
        { ...shop, project: 'blog', quota: {}, policy: closedPolicy },
      ],
    },
  );
}

test('project quota sends the given limits only, none as null', async (t) => {
  const client = cluster();
  const flags = ['--cpus', '1.5', '--memory', '2g', '--ports', '0', '--volumes', 'none'];
  const { stdout, code } = await runCommand(['project', 'quota', 'shop', ...flags], { client });
  t.is(code, 0);
  t.is(stdout, 'shop\n');
  const limits = { nanoCpus: 1.5e9, memoryBytes: 2 * 1024 ** 3, ports: 0, volumes: null };
  t.deepEqual(client.calls, [{ name: 'project.set-quota', args: { project: 'shop', limits } }]);
});

for (const [flags, message] of [
  [[], /^project quota shop: no limit given; use --cpus/u],
  [['--cpus', 'many'], /^invalid --cpus "many": use a number such as 1\.5, or none$/u],
  [['--containers', '1.5'], /^invalid --containers "1\.5": use a whole number, or none$/u],
  [['--memory', '0'], /^invalid --memory "0": use a size such as 512m or 4g, or none$/u],
] as const) {
  test(`project quota shop ${flags.join(' ')} is refused before any call`, async (t) => {
    const client = cluster();
    const { error } = await runCommand(['project', 'quota', 'shop', ...flags], { client });
    t.regex(error ?? '', message);
    t.deepEqual(client.calls, []);
  });
}

test('project quota show lists projects with a quota: use and limit, or JSON', async (t) => {
  const { stdout } = await runCommand(['project', 'quota', 'show'], { client: cluster() });
  t.deepEqual(
    stdout.split('\n').map((line) => line.split(/\s{2,}/u)),
    [
      ['PROJECT', 'CPUS', 'MEMORY', 'CONTAINERS', 'PORTS', 'VOLUMES'],
      ['shop', '1 / 2.5', '1GiB / 4GiB', '2 / 5', '0 / none', '1 / none'],
      [''],
    ],
  );
  const argv = ['project', 'quota', 'show', '--format', 'json', 'shop'];
  const json = await runCommand(argv, { client: cluster() });
  t.like(JSON.parse(json.stdout.split('\n')[0] ?? ''), {
    Project: 'shop',
    Limits: { CPUs: 2.5, Ports: null },
    Used: { Containers: 2 },
  });
});
