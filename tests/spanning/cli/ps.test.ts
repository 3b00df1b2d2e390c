import test from 'ava';
import { FakeCluster } from '../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../helpers/program/run-command.js';
import { objects, now, demo } from '../../helpers/fakes/demo-project.js';

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

test('ps as JSON has no exit code for a container that failed with an unknown one', async (t) => {
  const client = new FakeCluster(objects);
  const { stdout } = await runCommand([...demo, 'ps', '-a', '--format', 'json'], { client, now });
  const codes = stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { readonly ExitCode: unknown }).ExitCode);
  t.deepEqual(codes, [0, 0, null]);
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
