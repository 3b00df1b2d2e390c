import test from 'ava';
import { aNetwork, aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import { FakeCluster } from '../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../helpers/program/run-command.js';

const web = aService('web', { replicas: 2 });
const objects = {
  services: [web],
  tasks: [aTask(web, 1, { node: 'n1' }), aTask(web, 2, { node: 'n2' })],
  nodes: [aNode('n1', { name: 'node-1' }), aNode('n2', { name: 'node-2' })],
};
const demo = ['-p', 'demo'] as const;

test('a mistyped service or command gets a suggestion', async (t) => {
  const client = new FakeCluster(objects);
  t.is(
    (await runCommand([...demo, 'ps', 'webb'], { client })).error,
    'no such service: webb (did you mean "web"?)',
  );
  t.is(
    (await runCommand(['scael'], { client })).error,
    'unknown command "scael" (did you mean "scale"?); see "shoal --help"',
  );
});

test('filters narrow lists, and an invalid filter is rejected before any call to the manager', async (t) => {
  const client = new FakeCluster({
    ...objects,
    networks: [aNetwork('net', { subnet: '10.5.0.0/24' }), aNetwork('other', {})],
    volumes: [aVolume('data', ['n1']), aVolume('logs', ['n2'])],
  });
  const of = async (...args: string[]) => (await runCommand(args, { client })).stdout;
  t.is(await of(...demo, 'ps', '--filter', 'node=node-2', '--format', '{{.Name}}'), 'demo-web-2\n');
  t.is(await of('network', 'ls', '--filter', 'name=oth', '--format', '{{.Name}}'), 'other\n');
  t.is(await of('volume', 'ls', '--filter', 'node=node-2', '-q'), 'logs\n');
  t.is(await of('volume', 'ls', '--filter', 'dangling=false', '-q'), '');
  for (const args of [
    [...demo, 'ps', '--filter', 'color=red'],
    ['network', 'ls', '--filter', 'color=red'],
    ['volume', 'ls', '--filter', 'color=red'],
    ['node', 'ls', '--filter', 'color=red'],
    [...demo, 'events', '--filter', 'color=red'],
  ]) {
    const fresh = new FakeCluster(objects);
    const { error, code } = await runCommand(args, { client: fresh });
    t.regex(error ?? '', /invalid --filter "color=red"; use [a-z.]+=, /u);
    t.is(code, 1);
    t.deepEqual(fresh.calls, []);
  }
});
