import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { AppError } from '../../../manager/common/base/errors.js';
import { encodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import { aNetwork, aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import { FakeCluster } from '../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../helpers/program/run-command.js';
import { waitFor } from '../../../fixtures/lab/wait.js';

const web = aService('web', { replicas: 2, task: { container: { image: 'web:1' } } });
const node1 = aNode('n1', { name: 'node-1', address: '10.98.0.11' });
const node2 = aNode('n2', { name: 'node-2', address: '10.98.0.12' });
const port = { target: 3000, protocol: 'tcp', published: 32_768, hostIp: '0.0.0.0' } as const;

function running(slot: number, node: string) {
  return aTask(web, slot, {
    node,
    status: {
      containerId: `${'c'.repeat(20)}${slot}`,
      startedAt: 60_000,
      ports: [port],
      restarts: slot - 1,
      command: ['node', 'main.js'],
    },
  });
}

const objects = {
  services: [web],
  tasks: [
    running(1, 'n1'),
    running(2, 'n2'),
    aTask(web, 3, { id: 'old', node: 'n1', state: 'failed', desired: 'shutdown' }),
  ],
  nodes: [node1, node2],
};
const now = () => 120_000;
const demo = ['-p', 'demo'] as const;

test('ps shows the node and restarts in addition to docker compose columns', async (t) => {
  const { stdout, code } = await runCommand([...demo, 'ps'], {
    client: new FakeCluster(objects),
    now,
  });
  t.is(code, 0);
  const [header, ...rows] = stdout.trimEnd().split('\n');
  t.deepEqual(header?.split(/ {2,}/u), [
    'NAME',
    'IMAGE',
    'COMMAND',
    'SERVICE',
    'NODE',
    'CREATED',
    'STATUS',
    'RESTARTS',
    'PORTS',
  ]);
  t.is(rows.length, 2);
  t.regex(
    rows[1] ?? '',
    /^demo-web-2 +web:1 +"node main.js" +web +node-2 .*Up About a minute +1 +10\.98\.0\.12:32768->3000\/tcp$/u,
  );
});

test('ps -a includes ended containers, and ps -q prints only ids', async (t) => {
  const client = new FakeCluster(objects);
  t.is(
    (await runCommand([...demo, 'ps', '-a', '--format', '{{.Name}}'], { client })).stdout,
    'demo-web-1\ndemo-web-2\ndemo-web-3\n',
  );
  t.is((await runCommand([...demo, 'ps', '-q'], { client })).stdout.split('\n').length, 3);
});

test('ps as JSON has the fields of docker compose plus Node and Restarts', async (t) => {
  const { stdout } = await runCommand([...demo, 'ps', '--format', 'json'], {
    client: new FakeCluster(objects),
    now,
  });
  const [first] = stdout
    .split('\n')
    .map((line) => JSON.parse(line || '{}') as Record<string, unknown>);
  t.like(first, {
    Name: 'demo-web-1',
    Service: 'web',
    Project: 'demo',
    State: 'running',
    ExitCode: 0,
    Health: '',
    Node: 'node-1',
    Restarts: 0,
    Publishers: [{ URL: '10.98.0.11', TargetPort: 3000, PublishedPort: 32_768, Protocol: 'tcp' }],
  });
});

for (const command of [
  'ps',
  'logs',
  'stop',
  'restart',
  'kill',
  'rm',
  'top',
  'start',
  'explain',
  'down',
  'events',
]) {
  test(`${command} of an unknown service names it and changes nothing`, async (t) => {
    const client = new FakeCluster(objects);
    const { error, code } = await runCommand([...demo, command, 'nosuch'], { client });
    t.is(error, 'no such service: nosuch');
    t.is(code, 1);
    t.true(client.calls.every(({ name }) => name.endsWith('.list')));
  });
}

for (const [text, pattern] of [
  ['web=-1', /"web=-1".*0 to/u],
  ['web=x', /"web=x".*0 to/u],
  ['web', /"web".*SERVICE=NUM/u],
  ['=3', /"=3".*SERVICE=NUM/u],
] as const) {
  test(`scale ${text} is rejected before any call to the manager`, async (t) => {
    const client = new FakeCluster(objects);
    const { error, code } = await runCommand([...demo, 'scale', text], { client });
    t.regex(error ?? '', pattern);
    t.is(code, 1);
    t.deepEqual(client.calls, []);
  });
}

test('scale waits until the replicas run', async (t) => {
  const client = new FakeCluster(objects, { 'service.scale': () => null });
  const { code, stderr } = await runCommand([...demo, 'scale', 'web=2'], { client });
  t.is(code, 0);
  t.deepEqual(client.lastArgs('service.scale'), { project: 'demo', replicas: { web: 2 } });
  t.regex(stderr, /Container demo-web-2 {2}Running {2}node-2/u);
});

test('port prints the address of the machine that runs the container', async (t) => {
  const client = new FakeCluster(objects);
  const of = async (...args: string[]) => runCommand([...demo, 'port', ...args], { client });
  t.is((await of('web', '3000')).stdout, '10.98.0.11:32768\n');
  t.is((await of('--index', '2', 'web', '3000')).stdout, '10.98.0.12:32768\n');
  t.is((await of('web', '3000/tcp')).stdout, '10.98.0.11:32768\n');
  t.is((await of('web', '80')).error, 'no port 80/tcp for container demo-web-1');
  t.is(
    (await of('--index', '9', 'web', '3000')).error,
    'service "web" is not running container #9',
  );
});

test('exec forwards the streams and the exit code', async (t) => {
  const client = new FakeCluster(objects);
  const result = runCommand([...demo, 'exec', '-T', '--index', '2', 'web', 'sh', '-c', 'exit 7'], {
    client,
  });
  const far = await waitFor('the exec stream', () => client.streams.get('exec'));
  await far.send(encodeStreamFrame('stdout', 'out\n'));
  await far.send(encodeStreamFrame('stderr', 'err\n'));
  await far.send(encodeStreamFrame('exit', '7'));
  const { stdout, stderr, code, error } = await result;
  t.is(stdout, 'out\n');
  t.is(stderr, 'err\n');
  t.is(code, 7);
  t.is(error, '');
});

test('up with incompatible flags fails before any call to the manager', async (t) => {
  const client = new FakeCluster();
  for (const flags of [
    ['--force-recreate', '--no-recreate'],
    ['-d', '--abort-on-container-exit'],
    ['--wait', '--exit-code-from', 'web'],
    ['-d', '--attach', 'web'],
  ]) {
    const { error, code } = await runCommand(['up', ...flags], { client });
    t.regex(error ?? '', /are incompatible$/u);
    t.is(code, 1);
  }
  t.deepEqual(client.calls, []);
});

test('up applies the file with the overrides of the flags and ends when it is running', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-up-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'compose.yaml'), 'name: demo\nservices: {web: {image: "web:1"}}\n');
  const client = new FakeCluster(objects, {
    'project.apply': () => ({
      changes: [{ kind: 'network', name: 'demo_default', action: 'created', cause: 'not there' }],
      orphans: ['old'],
    }),
    'image.find': () => [],
  });
  const run = { client, cwd, env: { HOME: cwd } };
  const { stderr, error } = await runCommand(
    ['up', '-d', '--scale', 'web=2', '--force-recreate'],
    run,
  );
  t.is(error, undefined);
  const sent = client.lastArgs('project.apply');
  t.like(sent, { project: 'demo', forceRecreate: ['web'], keepReplicas: [], known: ['web'] });
  t.deepEqual(sent?.services[0]?.mode, { kind: 'replicated', replicas: 2 });
  t.regex(stderr, /found orphan containers \(old\)/u);
  t.regex(stderr, /Network demo_default {2}Created/u);
  t.regex(stderr, /Container demo-web-1 {2}Running/u);
});

test('up of an invalid file reports the position and does not call the manager', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-up-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'compose.yaml'), 'services:\n  web:\n    imag: x\n');
  const client = new FakeCluster(objects);
  const { error, code } = await runCommand(['up', '-d'], { client, cwd, env: {} });
  t.regex(error ?? '', /compose\.yaml:3:5: /u);
  t.is(code, 1);
  t.deepEqual(client.calls, []);
});

test('kill sends the signal to running containers and rejects an invalid signal', async (t) => {
  const client = new FakeCluster(objects, { 'service.kill': () => null });
  t.is((await runCommand([...demo, 'kill', '-s', 'sigusr1', 'web'], { client })).code, 0);
  t.deepEqual(client.lastArgs('service.kill'), {
    project: 'demo',
    services: ['web'],
    signal: 'SIGUSR1',
  });
  t.is(
    (await runCommand([...demo, 'kill', '-s', '; rm', 'web'], { client })).error,
    'invalid signal "; rm": use a name like SIGTERM or a number',
  );
});

test('rm asks for confirmation and treats end of input as no', async (t) => {
  const client = new FakeCluster(objects, { 'service.clean': () => ['demo-web-3'] });
  const asked = await runCommand([...demo, 'rm'], { client });
  t.regex(asked.stderr, /Going to remove demo-web-3 \(y\/N\)/u);
  t.is(client.lastArgs('service.clean'), undefined);
  const forced = await runCommand([...demo, 'rm', '-f'], { client });
  t.regex(forced.stderr, /Container demo-web-3 {2}Removed/u);
});

test('explain gives the reason why a task is not placed', async (t) => {
  const pending = aTask(web, 2, {
    explanation: {
      placed: false,
      summary: 'insufficient memory on 2 nodes',
      reasons: ['node-1: 1 GiB free'],
      at: 0,
    },
  });
  const client = new FakeCluster({ ...objects, tasks: [running(1, 'n1'), pending] });
  const { stdout } = await runCommand([...demo, 'explain', 'web'], { client, now });
  t.regex(stdout, /^service web: 2 desired, 1 running\n/u);
  t.regex(
    stdout,
    /demo-web-2: Pending\n {4}why not: insufficient memory on 2 nodes\n {6}node-1: 1 GiB free/u,
  );
});

test('node update rejects invalid flags and sends valid changes', async (t) => {
  const client = new FakeCluster(objects, { 'node.update': () => node1 });
  const of = (...args: string[]) => runCommand(['node', 'update', ...args], { client });
  t.regex((await of('--availability', 'off', 'node-1')).error ?? '', /active, pause or drain/u);
  t.regex((await of('node-1')).error ?? '', /nothing to change/u);
  t.is(
    (await of('--availability', 'drain', '--label-add', 'disk=ssd', 'node-1')).stdout,
    'node-1\n',
  );
  t.deepEqual(client.lastArgs('node.update'), {
    node: 'node-1',
    availability: 'drain',
    labelAdd: { disk: 'ssd' },
  });
});

test('node ls marks the leader', async (t) => {
  const info = {
    clusterId: 'c',
    clusterName: 'fake',
    version: '',
    nodeId: 'n1',
    leader: true,
    store: '',
    nodes: 2,
    services: 1,
    tasks: 2,
  };
  const client = new FakeCluster(objects, { info: () => info });
  const { stdout } = await runCommand(
    ['node', 'ls', '--format', '{{.Hostname}} {{.Status}} {{.ManagerStatus}}'],
    { client },
  );
  t.is(stdout, 'node-1 Ready Leader\nnode-2 Ready \n');
});

test('network and volume commands list, inspect and reject unknown names', async (t) => {
  const network = aNetwork('net', { subnet: '10.5.0.0/24' });
  const client = new FakeCluster({
    nodes: [node1],
    networks: [network],
    volumes: [aVolume('data', ['n1'])],
  });
  const of = async (...args: string[]) => runCommand(args, { client });
  t.is(
    (await of('network', 'ls', '--format', '{{.Name}} {{.Subnet}}')).stdout,
    'net 10.5.0.0/24\n',
  );
  t.is((await of('network', 'inspect', 'nosuch')).error, 'network nosuch not found');
  t.regex(
    (await of('network', 'create', '--subnet', '10.5', 'x')).error ?? '',
    /invalid --subnet "10.5"/u,
  );
  t.is(
    (await of('volume', 'ls', '--format', '{{.Name}} {{json .Nodes}}')).stdout,
    'data ["node-1"]\n',
  );
  t.is((await of('volume', 'inspect', 'nosuch')).error, 'no such volume: nosuch');
});

test('removing several names continues after a failure', async (t) => {
  const client = new FakeCluster(
    {},
    {
      'volume.remove': ({ name }) => {
        if (name === 'b') throw new AppError('not-found', 'no such volume: b');
        return null;
      },
    },
  );
  const { stdout, error, code } = await runCommand(['volume', 'rm', 'a', 'b', 'c'], { client });
  t.is(stdout, 'a\nc\n');
  t.is(error, 'no such volume: b');
  t.is(code, 1);
});

test('an error of the manager is printed and sets the exit code', async (t) => {
  const client = new FakeCluster(objects, {
    'service.list': () => {
      throw new AppError('unavailable', 'manager of cluster x not reachable');
    },
  });
  const { error, code } = await runCommand([...demo, 'ps'], { client });
  t.is(error, 'manager of cluster x not reachable');
  t.is(code, 1);
});

test('unknown commands and flags fail with one line, and --help succeeds', async (t) => {
  const client = new FakeCluster();
  const of = async (...args: string[]) => runCommand(args, { client });
  t.is((await of('nosuch')).error, 'unknown command "nosuch"; see "shoal --help"');
  t.is((await of('ps', '--nosuch')).error, "unknown option '--nosuch'");
  t.is((await of('ps', '--nosuch')).code, 1);
  t.is(
    (await of('--progress', 'loud', 'ps')).error,
    'invalid --progress "loud"; use one of auto, tty, plain, json, quiet',
  );
  const help = await of('--help');
  t.is(help.code, 0);
  t.regex(help.stdout, /\n {2}scale +Scale services/u);
});

test('completion offers commands, flags and current service names', async (t) => {
  const client = new FakeCluster(objects);
  const of = async (...words: string[]) =>
    (await runCommand(['-p', 'demo', '__complete', ...words], { client })).stdout
      .trimEnd()
      .split('\n');
  t.deepEqual(await of('sc'), ['scale']);
  t.deepEqual(await of('-p', 'x', 'unp'), ['unpause']);
  t.deepEqual(await of('logs', '--fo'), ['--follow']);
  t.deepEqual(await of('logs', 'w'), ['web']);
  t.deepEqual(await of('scale', 'w'), ['web=']);
  t.deepEqual(await of('node', 'up'), ['update']);
  t.deepEqual(await of('node', 'update', 'node-2'), ['node-2']);
  t.deepEqual(await of('completion', 'z'), ['zsh']);
});

test('config pins images to the digests from their registries', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-config-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  const services = '{web: {image: "web"}, db: {image: "reg.example:5000/db:2", labels: {a: b}}}';
  await writeFile(join(cwd, 'compose.yaml'), `name: demo\nservices: ${services}\n`);
  const client = new FakeCluster(objects, { 'image.resolve': () => 'sha256:ab' });
  const run = { client, cwd, env: { HOME: cwd } };
  const whole = await runCommand(['config', '--resolve-image-digests'], run);
  t.is(whole.error, undefined);
  t.regex(whole.stdout, /image: docker\.io\/library\/web:latest@sha256:ab\n/u);
  t.regex(whole.stdout, /image: reg\.example:5000\/db:2@sha256:ab\n[^]*a: b\n/u);
  const lock = await runCommand(['config', '--lock-image-digests', '--format', 'json'], run);
  t.deepEqual(JSON.parse(lock.stdout), {
    services: {
      db: { image: 'reg.example:5000/db:2@sha256:ab' },
      web: { image: 'docker.io/library/web:latest@sha256:ab' },
    },
  });
});
