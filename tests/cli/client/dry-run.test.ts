import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { DryRunClient } from '../../../cli/client/dry-run.js';
import { DryRunEnd } from '../../../cli/output/dry-run-end.js';
import type { ClusterObjects } from '../../helpers/fakes/fake-cluster.js';
import { FakeCluster } from '../../helpers/fakes/fake-cluster.js';

const nodes = [aNode('n1', { name: 'node-1' }), aNode('n2', { name: 'node-2' })];

/** A dry run's client and the lines that it prints. */
function aDryRun(objects: ClusterObjects) {
  const cluster = new FakeCluster({ nodes, ...objects });
  const printed: string[] = [];
  return { cluster, printed, client: new DryRunClient(cluster, (text) => printed.push(text)) };
}

const { signal } = new AbortController();
const ref = { project: 'demo', service: 'web' };

test('kill and pause name every running container, also one that is to stop', async (t) => {
  const web = aService('web');
  const tasks = [
    aTask(web, 1, { node: 'n1' }),
    aTask(web, 2, { node: 'n2', desired: 'shutdown' }),
    aTask(web, 3, { node: 'n2', state: 'failed' }),
    aTask(web, 4),
  ];
  const { client, printed } = aDryRun({ services: [web], tasks });
  const args = { project: 'demo', services: ['web'] };
  await t.throwsAsync(client.call('service.kill', { ...args, signal: 'SIGHUP' }), {
    instanceOf: DryRunEnd,
  });
  t.deepEqual(printed, [
    'container demo-web-1: kill with SIGHUP on node-1\ncontainer demo-web-2: kill with SIGHUP on node-2\n',
  ]);
  const one = { ...args, paused: true, taskIds: ['web.2'] };
  await t.throwsAsync(client.call('service.pause', one), { instanceOf: DryRunEnd });
  t.is(printed[1], 'container demo-web-2: pause on node-2\n');
});

test('restart names the services that restart with the selected one', async (t) => {
  const web = aService('web', {
    dependsOn: [{ service: 'db', condition: 'service_started', required: true, restart: true }],
  });
  const db = aService('db');
  const tasks = [aTask(web, 1, { node: 'n1' }), aTask(db, 1, { node: 'n2' })];
  const { client, printed } = aDryRun({ services: [web, db], tasks });
  const args = { project: 'demo', services: ['db'] };
  await t.throwsAsync(client.call('service.restart', args), { instanceOf: DryRunEnd });
  await t.throwsAsync(client.call('service.restart', { ...args, noDependents: true }), {
    instanceOf: DryRunEnd,
  });
  t.deepEqual(printed, [
    'container demo-db-1: restart on node-2\ncontainer demo-web-1: restart on node-1\n',
    'container demo-db-1: restart on node-2\n',
  ]);
});

test('streams into a container name it as it is called', async (t) => {
  const web = aService('web');
  const tasks = [
    aTask(web, 2, { node: 'n1', containerName: 'demo_web_2' }),
    aTask(web, 1, { node: 'n1', containerName: 'my-web', state: 'failed' }),
  ];
  const { client, printed } = aDryRun({ services: [web], tasks });
  const path = { ...ref, path: '/data' };
  await client.open('copy-in', path, signal);
  await t.throwsAsync(client.open('copy-out', { ...path, index: 1 }, signal), {
    message: 'service "web" is not running container #1',
  });
  const commit = { ...ref, image: 'web:1', changes: [], pause: true };
  await t.throwsAsync(client.call('task.commit', commit), {
    instanceOf: DryRunEnd,
  });
  t.deepEqual(printed, [
    'container demo_web_2: copy files to /data\n',
    'container demo_web_2: commit to image web:1\n',
  ]);
});
