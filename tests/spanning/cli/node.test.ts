import test from 'ava';
import { aTask } from '../../../fixtures/cluster/build.js';
import { FakeCluster } from '../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../helpers/program/run-command.js';
import { web, node1, running, objects, now, demo } from '../../helpers/fakes/demo-project.js';

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
    (await of('--availability', 'drain', '--detach', '--label-add', 'disk=ssd', 'node-1')).stdout,
    'node-1\n',
  );
  t.regex((await of('--force', '--label-rm', 'disk', 'node-1')).error ?? '', /only with .*drain/u);
  t.deepEqual(client.lastArgs('node.update'), {
    node: 'node-1',
    availability: 'drain',
    labelAdd: { disk: 'ssd' },
  });
  await of('--availability', 'drain', '--force', 'node-1');
  t.deepEqual(client.lastArgs('node.update'), {
    node: 'node-1',
    availability: 'drain',
    force: true,
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
