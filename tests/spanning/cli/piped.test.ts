import test from 'ava';
import { aNetwork, aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import { FakeCluster } from '../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../helpers/program/run-command.js';

/** Clears the screen and sets the title: control sequences from a hostile image or message. */
const evil = '\u001b[2J\u001b]0;owned\u0007';
const web = aService('web', { replicas: 3, task: { container: { image: `web:1${evil}` } } });
const objects = {
  services: [web],
  tasks: [
    aTask(web, 1, {
      node: 'n1',
      containerName: `demo-web-1${evil}`,
      status: { containerId: 'c1', startedAt: 1, command: ['sh', evil] },
    }),
    aTask(web, 2, { node: 'n1', state: 'rejected', status: { error: `no such image${evil}` } }),
    aTask(web, 3, {
      explanation: { placed: false, summary: `no room${evil}`, reasons: [evil], at: 0 },
    }),
  ],
  nodes: [aNode('n1', { name: 'node-1' })],
  networks: [aNetwork('net', { subnet: '10.5.0.0/24' })],
  volumes: [aVolume(`data`, ['n1'])],
};

const info = {
  clusterId: 'c',
  clusterName: 'fake',
  version: '',
  nodeId: 'n1',
  leader: true,
  store: '',
  nodes: 1,
  services: 1,
  tasks: 3,
};

for (const words of [
  ['ps', '-a'],
  ['ls', '-a'],
  ['images'],
  ['volumes'],
  ['network', 'ls'],
  ['network', 'inspect', 'net'],
  ['volume', 'ls'],
  ['node', 'ls'],
  ['node', 'inspect', 'n1'],
  ['explain'],
  ['describe', 'web'],
  ['describe', 'node', 'node-1'],
  ['ps', '--format', 'json'],
]) {
  test(`${words.join(' ')} writes no control bytes to a pipe, even if names and messages contain them`, async (t) => {
    const client = new FakeCluster(objects, {
      info: () => info,
      'image.find': () => [],
      'image.list': () => [],
    } as never);
    const { stdout, error } = await runCommand(['-p', 'demo', ...words], {
      client,
      now: () => 120_000,
    });
    t.is(error, undefined);
    t.true(stdout.length > 0);
    // eslint-disable-next-line no-control-regex -- the assertion looks for control bytes
    t.notRegex(stdout, /[\u0000-\u0008\u000b-\u001f\u007f]/u);
  });
}
