import test from 'ava';
import { aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';
import type { PlacedContainer } from '../../../../manager/gateway/find-container.js';
import { toInfo } from '../../../../manager/gateway/translate/system.js';
import type { NodeId } from '../../../../manager/common/model/ids.js';

test('info has a block per node in order and totals of the ready nodes', (t) => {
  const task = aTask(aService('web'), 1, { node: 'n2', status: { containerId: 'c1' } });
  const beta = aNode('n2', { name: 'node-2' });
  const placed: PlacedContainer = {
    task: { ...task, nodeId: 'n2' as NodeId, status: { ...task.status, startedAt: 1 } },
    containerId: 'c1',
    node: beta,
  };
  const info = toInfo({
    cluster: { id: 'c', name: 'test', nodeId: 'm', version: '1', strategy: 'spread' },
    host: { arch: 'amd64', kernel: '6', runtime: 'node', hostname: 'h' },
    nodes: [aNode('n10', { name: 'node-10', state: 'down' }), beta],
    record: undefined,
    containers: [placed],
    images: 3,
    now: 5,
  }) as Readonly<Record<string, unknown>>;
  t.like(info, { Containers: 1, ContainersRunning: 1, NCPU: 4, Images: 3 });
  t.like(info.Swarm, { LocalNodeState: 'active', ControlAvailable: true, Nodes: 2, Managers: 0 });
  const lines = info.SystemStatus as readonly (readonly [string, string])[];
  t.deepEqual(
    lines.filter(([key]) => /node-|Status|Containers/.test(key)),
    [
      [' node-2', '192.0.2.1:2376'],
      ['  └ Status', 'Healthy'],
      ['  └ Containers', '1 (1 Running, 0 Paused, 0 Stopped)'],
      [' node-10', '192.0.2.1:2376'],
      ['  └ Status', 'Unhealthy'],
      ['  └ Containers', '0 (0 Running, 0 Paused, 0 Stopped)'],
    ],
  );
});
