import test from 'ava';
import { aNode } from '../../../../fixtures/cluster/build.js';
import { FakeCluster } from '../../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../../helpers/program/run-command.js';

const node1 = aNode('n1', { name: 'node-1' });
const objects = { services: [], tasks: [], nodes: [node1] };

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
