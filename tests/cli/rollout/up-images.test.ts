import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { staleServices } from '../../../cli/rollout/up-images.js';

function liveTask(service: string, node: string, imageId?: string) {
  return aTask(aService(service), 1, {
    node,
    ...(imageId === undefined ? {} : { status: { imageId } }),
  });
}

test('a service is stale only if a container and its node have different images', (t) => {
  const images = new Map([
    ['a', 'x:1'],
    ['b', 'x:1'],
    ['c', 'y:1'],
  ]);
  const found = new Map([
    [
      'x:1',
      [
        { nodeId: 'n1', id: 'new' },
        { nodeId: 'n2', id: 'old' },
      ],
    ],
  ]);
  const stale = staleServices(
    [liveTask('a', 'n1', 'old'), liveTask('b', 'n2', 'old'), liveTask('c', 'n1', 'other')],
    images,
    found,
  );
  t.deepEqual(stale, ['a']);
});
