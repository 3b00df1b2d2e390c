import test from 'ava';
import { AppError } from '../../../manager/common/base/errors.js';
import { encodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import { aNetwork, aVolume } from '../../../fixtures/cluster/build.js';
import { FakeCluster } from '../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../helpers/program/run-command.js';
import { waitFor } from '../../../fixtures/lab/wait.js';
import { node1, objects, demo } from '../../helpers/fakes/demo-project.js';

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
