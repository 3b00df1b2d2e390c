import test from 'ava';
import { applyWatch, emptyWatchedState } from '../../../../cli/client/watched.js';
import type { WatchedState } from '../../../../cli/client/watched.js';
import { evaluateDown } from '../../../../cli/rollout/follow/down-state.js';
import { evaluateStopped } from '../../../../cli/rollout/follow/stop-state.js';
import { aNetwork, aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';
import type { ClusterObjects } from '../../../helpers/fakes/fake-cluster.js';

function seen(objects: ClusterObjects): WatchedState {
  const empty = { services: [], tasks: [], nodes: [], networks: [], volumes: [] };
  return applyWatch(emptyWatchedState, { kind: 'snapshot', ...empty, ...objects });
}

const web = aService('web');
const node1 = aNode('n1', { name: 'node-1' });
const task = aTask(web, 1, { node: 'n1' });
const network = aNetwork('demo_default');
const before = seen({ services: [web], tasks: [task], nodes: [node1], networks: [network] });
const changes = [
  { kind: 'network', name: 'demo_default', action: 'removed', cause: '' },
  { kind: 'service', name: 'demo_web', action: 'removed', cause: '' },
] as const;
const wanted = { project: 'demo', services: undefined, changes, before };

const texts = (state: WatchedState) =>
  evaluateDown(wanted, state).rows.map(({ id, text }) => `${id}: ${text}`);

test('a network that an engine refuses to remove is left, with node and remedy', (t) => {
  const leftOn = [{ nodeId: node1.id, problem: 'endpoints are leaked; restart the engine' }];
  const left = seen({ nodes: [node1], networks: [{ ...network, removing: true, leftOn }] });
  const { done, rows } = evaluateDown(wanted, left);
  t.true(done);
  t.like(rows.at(-1), {
    text: 'Left',
    state: 'warning',
    detail: 'on node-1: endpoints are leaked; restart the engine',
  });
});

test('down is done when containers, services and networks are gone', (t) => {
  t.deepEqual(texts(before), ['Container demo-web-1: Stopping', 'Network demo_default: Removing']);
  t.false(evaluateDown(wanted, before).done);
  const noTask = seen({ services: [], tasks: [], nodes: [node1], networks: [network] });
  t.false(evaluateDown(wanted, noTask).done);
  const gone = seen({ nodes: [node1] });
  t.true(evaluateDown(wanted, gone).done);
  t.deepEqual(texts(gone), ['Container demo-web-1: Removed', 'Network demo_default: Removed']);
});

test('down reports containers on a lost node and does not wait for them', (t) => {
  const lost = aNode('n1', { name: 'node-1', state: 'down' });
  const state = seen({ nodes: [lost], networks: [network] });
  const { rows, done } = evaluateDown(wanted, state);
  t.true(done);
  t.deepEqual(
    rows.map(({ id, text, detail }) => `${id}: ${text}, ${detail ?? ''}`),
    [
      'Container demo-web-1: Left, node-1 is down; removed when it returns',
      'Network demo_default: Left, until node-1 returns',
    ],
  );
});

test('stop waits for tasks to end, except on a lost node', (t) => {
  const words = { working: 'Stopping', done: 'Stopped' };
  t.false(evaluateStopped([task], words, before).done);
  const ended = aTask(web, 1, { node: 'n1', state: 'shutdown' });
  t.true(evaluateStopped([task], words, seen({ tasks: [ended], nodes: [node1] })).done);
  const lost = seen({ tasks: [task], nodes: [aNode('n1', { state: 'down' })] });
  t.true(evaluateStopped([task], words, lost).done);
});
