import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { applyStats, emptyUsage } from '../../../cli/client/usage.js';
import { nodeRows, serviceRows } from '../../../cli/project/stats-rows.js';
import { simulatedStats } from '../../helpers/fakes/world.js';

const web = aService('web', { replicas: 3 });
const tasks = [aTask(web, 1, { id: 'a', node: 'n1' }), aTask(web, 2, { id: 'b', node: 'n2' })];
const nodes = [aNode('n1', { name: 'node-1' }), aNode('n2', { name: 'node-2' })];
const usage = applyStats(emptyUsage, simulatedStats(tasks, nodes, 1));

test('a service row has the total usage of its tasks and its running replicas', (t) => {
  const [line, ...others] = serviceRows([web, aService('idle')], tasks, usage);
  t.deepEqual(others, []);
  t.deepEqual(line?.cells, ['web', '2/3', '3.30%', '1.008MiB', '1kB / 100B', '0B / 8.19kB', '6']);
});

test('a machine row has its total usage; a machine without samples has none', (t) => {
  const silent = { ...usage, nodes: new Map() };
  t.deepEqual(
    nodeRows(nodes, tasks, usage).map(({ cells }) => cells.slice(0, 3)),
    [
      ['node-1', '1', '1.00%'],
      ['node-2', '1', '4.00%'],
    ],
  );
  t.is(nodeRows(nodes, tasks, silent)[0]?.cells[2], '--');
});

test('sorting by usage puts the highest first', (t) => {
  const names = (order?: 'cpu' | 'mem') =>
    nodeRows(nodes, tasks, usage, order).map(({ record }) => (record as { Name: string }).Name);
  t.deepEqual(names(), ['node-1', 'node-2']);
  t.deepEqual(names('cpu'), ['node-2', 'node-1']);
  const idle = aService('idle');
  const more = [...tasks, aTask(idle, 1, { id: 'z', node: 'n1' })];
  const services = (order?: 'cpu') =>
    serviceRows([web, idle], more, usage, order).map(({ cells }) => cells[0]);
  t.deepEqual(services(), ['idle', 'web']);
  t.deepEqual(services('cpu'), ['web', 'idle'], 'what nothing is known of is last');
});
