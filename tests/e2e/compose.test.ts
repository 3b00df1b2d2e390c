import { join } from 'node:path';
import test from 'ava';
import { runConfig } from '../../cli/project/render-config.js';
import { buildArchive } from '../../fixtures/images/archive.js';
import { loadImages } from '../../fixtures/images/load.js';
import { standInImages } from '../../fixtures/images/stand-in.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { KeyComparison } from '../helpers/compose/comparison.js';
import { compareContainer } from '../helpers/compose/comparison.js';
import type { Inspected, Model } from '../helpers/compose/inspected.js';
import { findCorpus, projectFolder, readCases, requestOf } from '../helpers/compose/corpus.js';
import type { InspectedNetwork, InspectedVolume } from '../helpers/compose/resources.js';
import { networkDifferences, volumeDifferences } from '../helpers/compose/resources.js';
import type { E2eCluster } from '../helpers/lab/e2e-cluster.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { leaveSharedCluster, openSharedCluster } from '../helpers/lab/shared-cluster.js';

/* Runs Compose files on two machines and compares their keys with what the engines report. */

let cluster: E2eCluster;

const hasLab = process.platform === 'linux' && process.getuid?.() === 0;
const corpus = findCorpus();
const own = join(projectFolder(), 'fixtures/compose/run');
const ownEnv = { KEYS_WORD: 'hush' };

test.before(async () => {
  if (hasLab) cluster = await openSharedCluster();
});

test.after.always(async () => {
  await leaveSharedCluster(cluster);
});

/** The resolved project, as `config` prints it. */
function modelOf(request: Parameters<typeof runConfig>[0]): Model {
  let text = '';
  runConfig(
    request,
    { format: 'json' },
    { stdout: (part) => (text += part), stderr: () => undefined },
  );
  return JSON.parse(text.replaceAll('$$', '$')) as Model;
}

/** Objects of one kind that a machine's engine has of a project, from `docker inspect`. */
async function inspect<T>(machine: Machine, kind: string, project: string): Promise<readonly T[]> {
  const all = kind === 'container' ? ['--all'] : [];
  const filter = `label=com.docker.compose.project=${project}`;
  const listed = await machine.output(['docker', kind, 'ls', '-q', ...all, '--filter', filter]);
  const names = listed
    .trim()
    .split('\n')
    .filter((name) => name !== '');
  if (names.length === 0) return [];
  return JSON.parse(await machine.output(['docker', kind, 'inspect', ...names])) as T[];
}

interface Seen {
  readonly findings: readonly KeyComparison[];
  /** Containers by service. */
  readonly counts: Readonly<Record<string, number>>;
  readonly differences: readonly string[];
}

async function compareProject(model: Model): Promise<Seen> {
  const findings: KeyComparison[] = [];
  const counts: Record<string, number> = {};
  const differences: string[] = [];
  for (const machine of cluster.machines()) {
    for (const container of await inspect<Inspected>(machine, 'container', model.name)) {
      const labels = container.Config.Labels as Readonly<Record<string, string>>;
      const service = labels['com.docker.compose.service'] ?? '';
      counts[service] = (counts[service] ?? 0) + 1;
      findings.push(...compareContainer(model, service, container));
    }
    const networks = await inspect<InspectedNetwork>(machine, 'network', model.name);
    differences.push(...networks.flatMap((network) => networkDifferences(model, network)));
    const volumes = await inspect<InspectedVolume>(machine, 'volume', model.name);
    differences.push(...volumes.flatMap((volume) => volumeDifferences(model, volume)));
  }
  differences.push(...findings.flatMap(({ difference }) => difference ?? []));
  return { findings, counts, differences: [...new Set(differences)] };
}

function keysOf({ findings }: Seen): ReadonlySet<string> {
  return new Set(findings.map(({ key }) => key));
}

/** Wanted number of containers by service. */
function wantedCounts(model: Model): Record<string, number> {
  return Object.fromEntries(
    Object.entries(model.services).map(([name, { scale, deploy }]) => [
      name,
      deploy?.mode === 'global' ? cluster.machines().length : (scale ?? deploy?.replicas ?? 1),
    ]),
  );
}

const ownArguments = ['-f', join(own, 'keys.yaml')];

machineTest('every key that an engine reports matches the file', async (t) => {
  const up = await cluster.run([...ownArguments, 'up', '-d', '--wait'], own, ownEnv);
  t.is(up.code, 0, up.stderr);
  const request = { files: [join(own, 'keys.yaml')], env: ownEnv, cwd: own };
  const model = modelOf(request);
  const seen = await compareProject(model);
  t.deepEqual(seen.differences, []);
  t.deepEqual(seen.counts, wantedCounts(model));
  const argv = [...ownArguments, '--profile', 'made', 'create', 'unstartable'];
  const created = await cluster.run(argv, own, ownEnv);
  t.is(created.code, 0, created.stderr);
  const more = await compareProject(modelOf({ ...request, profiles: ['made'] }));
  t.deepEqual(more.differences, []);
  const keys = keysOf(more);
  t.true(keys.size >= 64, `only ${String(keys.size)} keys: ${[...keys].sort().join(' ')}`);
});

machineTest(
  'configs and secrets are files with the content, owner and mode that the file gives',
  async (t) => {
    const script = [
      'cat /etc/note.txt /inline /run/secrets/word /run/secrets/other',
      'stat -c "%n %a %u:%g" /etc/note.txt /inline /run/secrets/word /run/secrets/other',
    ].join('; echo; ');
    const exec = ['exec', '-T', 'files', 'sh', '-c', script];
    const { stdout, stderr } = await cluster.run([...ownArguments, ...exec], own, ownEnv);
    t.deepEqual(
      stdout.split('\n').filter((line) => line !== ''),
      [
        'from a file',
        'of $5 and morehushhush',
        '/etc/note.txt 440 0:0',
        '/inline 444 0:0',
        '/run/secrets/word 444 0:0',
        '/run/secrets/other 400 1000:1000',
      ],
      stderr,
    );
    const down = await cluster.run([...ownArguments, 'down', '-v'], own, ownEnv);
    t.is(down.code, 0, down.stderr);
  },
);

/** Cases of the corpus beside the project; no host port is used by more than two of them. */
const published = [
  'awesome-compose/postgresql-pgadmin__compose.yaml',
  'awesome-compose/react-express-mongodb__compose.yaml',
  'awesome-compose/wireguard__compose.yaml',
  'compose-1.29.2-fixtures/tests__fixtures__env-file-override__docker-compose.yml',
  'compose-1.29.2-fixtures/tests__fixtures__healthcheck__docker-compose.yml',
  'compose-1.29.2-fixtures/tests__fixtures__networks__default-network-config.yml',
  'compose-1.29.2-fixtures/tests__fixtures__override-files__docker-compose.yml',
  'compose-1.29.2-fixtures/tests__fixtures__volumes__volume-label.yml',
  'compose-go-2.9.1-inline/override-merge_dns_test__Test_mergeYamlDNSMixed',
  'compose-go-head-inline/loader-tests-extra_hosts_test__TestExtraHostsLongSyntax',
  'compose-go-head-inline/loader-tests-ipc_uts_pid_test__TestIpcUtsPid',
  'compose-go-head-inline/loader-tests-tmpfs_test__TestTmpfs',
  'compose-go-head-inline/loader-tests-volumes_from_test__TestVolumesFrom',
  'compose-go-head-inline/loader-tests-working_dir_test__TestWorkingDir',
  'compose-spec-docs/05-services__block043',
  'compose-spec-docs/deploy__block007',
  'docker-compose-2.40.3-e2e/pkg__e2e__fixtures__ipam__compose.yaml',
  'docker-compose-2.40.3-e2e/pkg__e2e__fixtures__port-range__compose.yaml',
  'handwritten-rules/labels-forms',
  'handwritten-rules/ports-forms',
];

/** Number of projects at a time; each is a client and work for the engines. */
const concurrency = 4;

const corpusTest: typeof machineTest = corpus === undefined ? test.serial.skip : machineTest;

corpusTest('published Compose files run, and their keys match the containers', async (t) => {
  const wanted = new Set(published.map((id) => `corpus/${id}`));
  const cases = readCases(corpus ?? '', 'corpus').filter(({ id }) => wanted.has(id));
  t.is(cases.length, published.length);
  const runs = cases.map((item, index) => {
    const projectName = `corpus${String(index)}`;
    return { item, projectName, model: modelOf({ ...requestOf(item), projectName }) };
  });
  const images = runs.flatMap(({ model }) =>
    Object.entries(model.services).map(([name, { image }]) => image ?? `${model.name}-${name}`),
  );
  await loadImages(await buildArchive(await standInImages(images)), cluster.machines());
  const keys = new Set<string>();
  const runCase = async ({ item, projectName, model }: (typeof runs)[number]): Promise<void> => {
    const argv = ['-p', projectName, ...item.args, 'up', '-d'];
    const up = await cluster.run(argv, item.cwd, item.env);
    t.is(up.code, 0, `${item.id}: ${up.stderr}`);
    const seen = await compareProject(model);
    t.deepEqual([item.id, seen.differences], [item.id, []]);
    t.deepEqual([item.id, seen.counts], [item.id, wantedCounts(model)]);
    for (const key of keysOf(seen)) keys.add(key);
    const down = await cluster.run(['-p', projectName, 'down', '-v', '-t', '0']);
    t.is(down.code, 0, `${item.id}: ${down.stderr}`);
  };
  const queue = [...runs];
  const worker = async (): Promise<void> => {
    for (let run = queue.shift(); run !== undefined; run = queue.shift()) await runCase(run);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  t.true(keys.size >= 29, `only ${String(keys.size)} keys: ${[...keys].sort().join(' ')}`);
});

const shared = `services:
  web:
    image: shoal-test/busybox
    command: sh -c 'mkdir -p /w && hostname > /w/index.html && httpd -f -h /w'
    init: true
    restart: always
    stop_grace_period: 1s
    scale: 2
    secrets: [word]
    volumes: [/made]
    post_start: [{command: sh -c 'echo "$$WHO" > /hooked', environment: [WHO=hook]}]
  side:
    image: shoal-test/busybox
    command: sleep 100000
    init: true
    stop_grace_period: 1s
    network_mode: service:web
    pid: service:web
    volumes_from: ["web:ro"]
secrets: {word: {environment: WORD}}
`;

machineTest('services that share namespaces run together and follow their leader', async (t) => {
  const folder = await cluster.project('shared', shared);
  const env = { WORD: 'first-word' };
  const up = await cluster.run(['up', '-d', '--wait'], folder, env);
  t.is(up.code, 0, up.stderr);
  const on = (rows: Awaited<ReturnType<typeof cluster.ps>>, service: string) =>
    rows.filter(({ Service }) => Service === service).map(({ Node }) => Node);
  const rows = await cluster.ps([], folder);
  t.is(new Set(on(rows, 'web')).size, 2);
  t.deepEqual(on(rows, 'side').length, 2);
  const inSide = (index: number, ...command: string[]) =>
    cluster.output(['exec', '-T', '--index', String(index), 'side', ...command], folder);
  for (const index of [1, 2]) {
    t.regex(await inSide(index, 'grep', ' /made ', '/proc/mounts'), / ro,/u);
    t.is(await inSide(index, 'cat', '/proc/1/root/hooked'), 'hook\n');
  }
  const web = rows.find(({ Name }) => Name === 'shared-web-1');
  const machine = cluster.lab.machine(web?.Node ?? '');
  const inspected = ['docker', 'inspect', '-f', '{{.State.Pid}}', web?.ID ?? ''];
  await machine.output(['kill', '-9', (await machine.output(inspected)).trim()]);
  await waitFor('the follower to join the restarted leader', async () =>
    (await inSide(1, 'wget', '-qO-', 'http://127.0.0.1/')).startsWith(web?.ID.slice(0, 12) ?? ''),
  );
  t.is((await cluster.run(['scale', 'side=1'], folder, env)).code, 0);
  await waitFor(
    'one container of each service',
    async () => (await cluster.ps([], folder)).length === 2,
  );
});

machineTest(
  'a secret is on no disk of its machine, and is restored after a power cut',
  async (t) => {
    const folder = await cluster.project('shared', shared);
    const [web] = (await cluster.ps([], folder)).filter(({ Service }) => Service === 'web');
    const machine = cluster.lab.machine(web?.Node ?? '');
    const found = await machine.exec([
      ...['sh', '-c', 'docker inspect shared-web-1 | grep first-word'],
    ]);
    t.is(found.stdout, '');
    const encoded = Buffer.from('first-word').toString('base64');
    const onDisk = `grep -rl -e first-word -e ${encoded} /var/lib/shoal/worker /etc/shoal`;
    t.is((await machine.exec(['sh', '-c', onDisk])).stdout, '');
    await machine.kill();
    await machine.boot();
    const read = async (): Promise<string> =>
      cluster.output(['exec', '-T', 'web', 'cat', '/run/secrets/word'], folder);
    await waitFor('the secret to be restored', async () => (await read()) === 'first-word');
    const up = await cluster.run(['up', '-d', '--wait'], folder, { WORD: 'second-word' });
    t.is(up.code, 0, up.stderr);
    await waitFor('the other secret', async () => (await read()) === 'second-word');
    const down = await cluster.run(['down', '-v'], folder, { WORD: '-' });
    t.is(down.code, 0, down.stderr);
    const left = 'ls -d /run/shoal/secrets/*/ /var/lib/shoal/worker/configs/*/ 2>/dev/null; true';
    for (const text of (await cluster.outputOnAll(['sh', '-c', left])).values()) t.is(text, '');
  },
);

machineTest('up reports why a hook failed', async (t) => {
  const hooked = `services:
  web:
    image: shoal-test/busybox
    command: sleep 100000
    init: true
    post_start: [{command: sh -c 'echo no such table; exit 3'}]
`;
  const folder = await cluster.project('hooked', hooked);
  const up = await cluster.run(['up', '-d'], folder);
  t.is(up.code, 1);
  t.regex(up.stderr, /post_start hook exited with status 3: no such table/u);
  t.is((await cluster.run(['down'], folder)).code, 0);
});
