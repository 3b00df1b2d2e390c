import test from 'ava';
import { applyWatch, emptyWatchedState } from '../../../cli/client/watched.js';
import type { WatchedState } from '../../../cli/client/watched.js';
import type { DrainedSlots } from '../../../cli/rollout/wait-for-drain.js';
import { evaluateDrain } from '../../../cli/rollout/wait-for-drain.js';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { Task } from '../../../manager/common/model/task.js';

const web = aService('web', { replicas: 2 });
const drained = aNode('n1', { name: 'node-1', availability: 'drain' });
const other = aNode('n2', { name: 'node-2' });
const old = aTask(web, 1, { id: 'old', node: 'n1' });

function seen(tasks: readonly Task[], node = drained): WatchedState {
  return applyWatch(emptyWatchedState, {
    kind: 'snapshot',
    services: [web],
    tasks,
    nodes: [node, other],
    networks: [],
    volumes: [],
  });
}

test('a drain shows each container until its successor has taken over', (t) => {
  const slots: DrainedSlots = new Map();
  const look = (...tasks: Task[]): readonly [boolean, readonly string[]] => {
    const { done, rows } = evaluateDrain(new Set(['n1']), slots, seen(tasks));
    return [done, rows.map(({ id, text, detail }) => `${id} ${text} ${detail ?? ''}`.trim())];
  };
  t.deepEqual(look(old), [false, ['Container demo-web-1 Waiting']]);
  const next = (options: object) => aTask(web, 1, { id: 'next', createdAt: 5, ...options });
  const unplaced = {
    ...next({ state: 'pending' }),
    explanation: { placed: false, summary: 'insufficient memory on 1 node', reasons: [], at: 0 },
  };
  t.deepEqual(look(old, unplaced), [
    false,
    ['Container demo-web-1 Waiting keeps running: insufficient memory on 1 node'],
  ]);
  const placed = next({ node: 'n2' });
  t.deepEqual(look(old, placed), [false, ['Container demo-web-1 Moving node-2']]);
  t.deepEqual(look({ ...old, desired: 'shutdown' }, placed), [
    false,
    ['Container demo-web-1 Stopping node-2'],
  ]);
  t.deepEqual(look(placed), [true, ['Container demo-web-1 Moved node-2']]);
});

test('a node that is down is not waited for', (t) => {
  const down = aNode('n1', { name: 'node-1', availability: 'drain', state: 'down' });
  t.true(evaluateDrain(new Set(['n1']), new Map(), seen([old], down)).done);
});
