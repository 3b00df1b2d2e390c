import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { aNetwork, aVolume } from '../../../fixtures/cluster/build.js';
import { allCommands } from '../../../fixtures/docs/command-tree.js';
import type { ConfigId, SecretId } from '../../../manager/common/model/ids.js';
import type { CallPreview, ManagerInfo } from '../../../manager/common/protocol/control.js';
import { closedPolicy } from '../../../manager/common/model/trust/project-policy.js';
import { noUsage } from '../../../manager/common/model/trust/project-quota.js';
import { demo, objects } from '../../helpers/fakes/demo-project.js';
import { FakeCluster } from '../../helpers/fakes/fake-cluster.js';
import { StreamingCluster } from '../../helpers/fakes/streaming-cluster.js';
import { runCommand } from '../../helpers/program/run-command.js';

const commands = await allCommands();

const plan: CallPreview = {
  changes: ['service demo_web: replicas 2 → 3'],
  steps: [
    { action: 'create', container: 'demo-web-3', node: 'node-2', cause: 'new', placement: 'fits' },
    { action: 'stop', container: 'demo-web-1', node: 'node-1', cause: 'drained' },
    { action: 'create', container: 'demo-web-1', node: '', cause: 'new' },
  ],
};
const planText = [
  'service demo_web: replicas 2 → 3',
  'container demo-web-3: create on node-2 (new); fits',
  'container demo-web-1: stop on node-1 (drained)',
  'container demo-web-1: create (new), no eligible node now',
  '',
].join('\n');

const file = `name: demo
services:
  web: {image: "web:1", build: {context: .}, develop: {watch: [{action: sync, path: ./src, target: /app}]}}
  db: {image: "db:1"}
`;

/** The second container is paused. */
const cluster = {
  ...objects,
  tasks: objects.tasks.map((task) =>
    task.slot === 2 ? { ...task, status: { ...task.status, paused: true } } : task,
  ),
  networks: [aNetwork('demo_default')],
  volumes: [aVolume('demo_data', ['n1'])],
};
const info: ManagerInfo = {
  ...{ clusterId: 'c1', clusterName: 'c', version: '0.1.0', nodeId: 'n1', leader: true },
  ...{ store: 'embedded', nodes: 2, services: 1, tasks: 2 },
};
const tls = {
  ...{ version: 1, createdAt: 0, updatedAt: 0 },
  spec: { name: 'tls', project: '', key: 'tls', labels: {} },
};

/** A cluster that answers reading calls and plans, and nothing else. */
const policy = { ...closedPolicy, privileged: true };

function planningCluster(): FakeCluster {
  return new StreamingCluster(cluster, {
    info: () => info,
    preview: () => plan,
    'audit.list': () => [
      { number: 1, at: 0, who: 'ann', role: 'client', action: 'a', result: 'ok', changes: [] },
    ],
    'secret.list': () => [{ ...tls, id: 's1' as SecretId }],
    'config.list': () => [{ ...tls, id: 'c1' as ConfigId, data: 'eA==' }],
    'task.top': () => ({ titles: ['PID'], processes: [['1']] }),
    'project.others': () => [],
    'project.settings': () => [
      { project: 'demo', policy, quota: { containers: 3 }, used: noUsage },
    ],
    'image.find': () => [],
    'task.stat-path': () => ({ name: 'tmp', isFolder: true }),
    'project.apply': () => ({
      changes: [{ kind: 'service', name: 'web', action: 'updated', cause: 'image' }],
      steps: plan.steps,
      orphans: [],
    }),
  });
}

const changing: readonly (readonly [readonly string[], RegExp])[] = [
  [['up', '-d'], /^service web: updated \(image\)\ncontainer demo-web-3: create on node-2/mu],
  [['create'], /^container demo-web-3: create/mu],
  [['run', 'web', 'true'], /^container demo-web-3: create/mu],
  [['down', '-v'], new RegExp(`^${planText.slice(0, 20)}`, 'mu')],
  [['down', '--rmi', 'all'], /^image web:1: remove\n/u],
  [['stop'], /^container demo-web-1: stop on node-1 \(drained\)$/mu],
  [['start'], /demo-web-3/u],
  [['scale', 'web=3'], /^service demo_web: replicas 2 → 3$/mu],
  [['rm', '-f'], /demo-web-3/u],
  [['rm'], /demo-web-3/u],
  [
    ['rm', '-s'],
    /^container demo-web-1: stop and remove\ncontainer demo-web-2: stop and remove$/mu,
  ],
  [['roll'], /demo-web-3/u],
  [['rollback'], /demo-web-3/u],
  [
    ['restart', 'web'],
    /^container demo-web-1: restart on node-1\ncontainer demo-web-2: restart on node-2\n$/u,
  ],
  [['kill', '-s', 'hup'], /^container demo-web-1: kill with HUP on node-1$/mu],
  [['pause'], /^container demo-web-1: pause on node-1$/mu],
  [['unpause'], /^container demo-web-1: unpause on node-1$/mu],
  [['commit', 'web', 'app:1'], /^container demo-web-1: commit to image app:1\n$/u],
  [['exec', 'web', 'ls', '-l'], /^container demo-web-1: execute ls -l\n$/u],
  [['attach', 'web'], /^container demo-web-1: attach\n$/u],
  [['cp', 'compose.yaml', 'web:/tmp'], /^container demo-web-1: copy files to \/tmp\n$/u],
  [
    ['cp', 'web:/etc/passwd', 'copied'],
    /^container demo-web-1: copy \/etc\/passwd to this computer\n$/u,
  ],
  [['export', '-o', 'written', 'web'], /^container demo-web-1: export its file system\n$/u],
  [['pull'], /^image db:1: pull on node-1\n.*image db:1: pull on node-2\n/su],
  [['push'], /^image web:1: push\n$/u],
  [['build'], /^image web:1: build\n$/u],
  [['config', '-o', 'written'], /^file written: write\n$/u],
  [['watch', '--no-up'], /^service web: sync \S+\/src to \/app\n$/u],
  [['volume', 'rm', 'a', 'b'], /^(?:[^]*replicas 2 → 3){2}/u],
  [['volume', 'create', 'n'], /replicas/u],
  [['network', 'create', 'n'], /replicas/u],
  [['network', 'rm', 'demo_default'], /replicas/u],
  [['secret', 'create', 'n', 'compose.yaml'], /replicas/u],
  [['secret', 'rm', 'tls'], /replicas/u],
  [['config-object', 'create', 'n', 'compose.yaml'], /replicas/u],
  [['config-object', 'rm', 'tls'], /replicas/u],
  [['project', 'policy', 'demo', '--allow-privileged'], /replicas/u],
  [['project', 'policy', 'reset', 'demo'], /replicas/u],
  [['project', 'quota', 'demo', '--cpus', '1'], /replicas/u],
  [['project', 'quota', 'reset', 'demo'], /replicas/u],
  [
    ['node', 'update', '--availability', 'drain', 'node-1'],
    /^container demo-web-1: stop on node-1/mu,
  ],
];

const harmless = new Set([
  'preview',
  'project.settings',
  'image.find',
  'task.stat-path',
  'project.others',
]);

for (const [words, shown] of changing) {
  for (const argv of [
    [...demo, '--dry-run', ...words],
    // The flag goes before the words that belong to the process.
    [...demo, ...insertFlag(words)],
  ]) {
    test(`"${argv.join(' ')}" prints its plan and changes nothing`, async (t) => {
      const cwd = await mkdtemp(join(tmpdir(), 'shoal-dry-'));
      t.teardown(() => rm(cwd, { recursive: true }));
      await writeFile(join(cwd, 'compose.yaml'), file);
      await writeFile(join(cwd, 'Dockerfile'), 'FROM scratch\n');
      const client = planningCluster();
      const { stdout, code, error } = await runCommand(argv, { client, cwd, env: { HOME: cwd } });
      t.is(error, undefined);
      t.is(code, 0);
      t.regex(stdout, shown);
      for (const { name, args } of client.calls) {
        if (name === 'project.apply') t.true((args as { readonly dryRun: boolean }).dryRun);
        else t.true(harmless.has(name) || name.endsWith('.list'), `${name} was called`);
      }
      t.deepEqual([...client.streams.keys()], []);
      t.deepEqual((await readdir(cwd)).sort(), ['Dockerfile', 'compose.yaml']);
    });
  }
}

/** Inserts `--dry-run` after the command's name, or its subcommand's. */
function insertFlag(words: readonly string[]): readonly string[] {
  const at = pathOf(words).length;
  return [...words.slice(0, at), '--dry-run', ...words.slice(at)];
}

/** The words that name the command. */
function pathOf(words: readonly string[]): readonly string[] {
  const length = [1, 2, 3].findLast((count) =>
    commands.some(({ path }) => path === words.slice(0, count).join(' ')),
  );
  return words.slice(0, length ?? 1);
}

test('a dry run shows the warnings of the command', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-dry-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'compose.yaml'), file);
  const client = new FakeCluster(objects, {
    'image.find': () => [],
    'project.apply': () => ({ changes: [], steps: [], orphans: ['old'] }),
  });
  const { stderr } = await runCommand(['up', '--dry-run'], { client, cwd, env: { HOME: cwd } });
  t.regex(stderr, /^warning: found orphan containers \(old\)/u);
  t.notRegex(stderr, /Container|Image/u);
});

/** Reading commands with the exit codes they have without `--dry-run` as well. */
const reading: readonly (readonly [words: readonly string[], code: number])[] = [
  [['audit'], 0],
  [['config-object', 'inspect', 'tls'], 0],
  [['config-object', 'ls'], 0],
  [['describe', 'web'], 0],
  [['events', '--until', '0s'], 0],
  [['explain', 'web'], 0],
  [['images'], 0],
  [['logs'], 0],
  [['ls'], 0],
  [['network', 'inspect', 'demo_default'], 0],
  [['network', 'ls'], 0],
  [['node', 'inspect', 'node-1'], 0],
  [['node', 'ls'], 0],
  [['port', 'web', '3000'], 0],
  [['project', 'policy', 'show'], 0],
  [['project', 'quota', 'show'], 0],
  [['ps'], 0],
  [['secret', 'inspect', 'tls'], 0],
  [['secret', 'ls'], 0],
  // The stream of this cluster ends, which is an error.
  [['stats'], 1],
  [['top'], 0],
  [['version'], 0],
  [['volume', 'inspect', 'demo_data'], 0],
  [['volume', 'ls'], 0],
  [['volumes'], 0],
  [['wait', 'web'], 0],
];

for (const [words, code] of reading) {
  test(`"${words.join(' ')}" prints the same in a dry run`, async (t) => {
    const now = () => 120_000;
    const real = await runCommand([...demo, ...words], { client: planningCluster(), now });
    t.is(real.code, code, `it failed: ${real.error ?? ''}`);
    t.not(real.stdout, '');
    for (const argv of [
      [...demo, '--dry-run', ...words],
      [...demo, ...insertFlag(words)],
    ])
      t.deepEqual(await runCommand(argv, { client: planningCluster(), now }), real);
  });
}

const unplannable = ['node', 'rm', '-f', 'node-1'];

const leaves = commands.filter(
  ({ command }) => command.commands.length === 0 || command.registeredArguments.length > 0,
);
const offersDryRun = ({ command }: (typeof leaves)[number]): boolean =>
  command.options.some(({ long }) => long === '--dry-run');

test('the commands that offer --dry-run are exactly those exercised here', (t) => {
  const exercised = [...changing, ...reading].map(([words]) => words);
  const paths = new Set([...exercised, unplannable].map((words) => pathOf(words).join(' ')));
  const offered = leaves.filter(offersDryRun).map(({ path }) => path);
  t.deepEqual([...paths].sort(), offered.sort());
});

for (const leaf of leaves) {
  if (offersDryRun(leaf)) continue;
  const { path, command } = leaf;
  test(`"${path}" refuses --dry-run and does nothing`, async (t) => {
    const client = planningCluster();
    const words = command.registeredArguments.filter(({ required }) => required).map(() => 'x');
    const flags = command.options.filter(({ mandatory }) => mandatory);
    const values = flags.flatMap(({ long }) => [long ?? '', 'x']);
    const argv = ['--dry-run', ...path.split(' '), ...values, ...words];
    const { error, code } = await runCommand(argv, { client });
    t.regex(
      error ?? '',
      /: (?:--dry-run is not supported: .*; nothing was changed|not supported: .*)$/u,
    );
    t.not(code, 0);
    t.deepEqual(client.calls, []);
  });
}

test('a call that cannot be planned is refused and not sent', async (t) => {
  const client = planningCluster();
  const { error, code } = await runCommand(['--dry-run', ...unplannable], { client });
  t.is(code, 1);
  t.is(error, '--dry-run: node.remove cannot be planned; nothing was changed');
  t.false(client.calls.some(({ name }) => name === 'node.remove'));
});
