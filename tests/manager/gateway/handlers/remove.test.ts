import test from 'ava';
import { findContainer } from '../../../../manager/gateway/find-container.js';
import { requireNode, requireUp } from '../../../../manager/gateway/handlers/remove.js';
import { ids, view } from '../../../helpers/stores/container-view.js';

test('a container on a machine that is down can be removed, but not started', async (t) => {
  const lost = findContainer(await view(), ids.lost);
  t.notThrows(() => {
    requireNode(lost, 'remove');
  });
  t.throws(() => requireUp(lost, 'start'), {
    message: 'cannot start container demo-web-3: node gamma is down',
  });
});

test('nothing is done with a container whose machine may answer at any moment', async (t) => {
  const lost = findContainer(await view(), ids.lost);
  const { status } = lost.node;
  const silent = {
    ...lost,
    node: { ...lost.node, status: { ...status, state: 'unknown' as const } },
  };
  for (const check of [requireNode, requireUp]) {
    t.throws(() => check(silent, 'remove'), { message: /node gamma is unknown$/u });
  }
  const up = { ...lost, node: { ...lost.node, status: { ...status, state: 'ready' as const } } };
  for (const check of [requireNode, requireUp]) {
    t.notThrows(() => {
      check(up, 'stop');
    });
  }
});
