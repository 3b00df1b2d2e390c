import test from 'ava';
import type { Service } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import type { Node } from '../../../../manager/common/model/node.js';
import { applyWatch, emptyWatchedState } from '../../../../cli/client/watched.js';
import type { WatchedState } from '../../../../cli/client/watched.js';
import type { WaitStatus } from '../../../../cli/rollout/follow/wait-status.js';
import { evaluateUp } from '../../../../cli/rollout/follow/up-state.js';
import { aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';

const node1 = aNode('n1', { name: 'node-1' });
const node2 = aNode('n2', { name: 'node-2' });

function seen(
  services: readonly Service[],
  tasks: readonly Task[],
  nodes: readonly Node[] = [node1, node2],
): WatchedState {
  return applyWatch(emptyWatchedState, {
    kind: 'snapshot',
    services,
    tasks,
    nodes,
    networks: [],
    volumes: [],
  });
}

function judge(
  state: WatchedState,
  until: 'created' | 'started' | 'healthy' = 'started',
  before = emptyWatchedState,
) {
  const services = [...state.services.values()].map(({ spec }) => spec.service);
  return evaluateUp({ project: 'demo', services, until, changes: [], before }, state);
}

/** The rows as readable text, one line each. */
function rows({ rows: all }: WaitStatus): readonly string[] {
  return all.map((row) => `${row.id} ${row.text} ${row.detail ?? ''}`.trim());
}

const up = { startedAt: 1, containerId: 'c' };
const unplaced = (summary: string) => ({
  explanation: { placed: false, summary, reasons: [], at: 0 },
});

test('a service is up when every slot runs', (t) => {
  const web = aService('web', { replicas: 2 });
  const one = aTask(web, 1, { node: 'n1', status: up });
  const partly = judge(seen([web], [one]));
  t.false(partly.done);
  t.deepEqual(rows(partly), ['Container demo-web-1 Started node-1', 'Service demo_web Scheduling']);
  const whole = judge(seen([web], [one, aTask(web, 2, { node: 'n2', status: up })]));
  t.true(whole.done);
  t.deepEqual(rows(whole), [
    'Container demo-web-1 Started node-1',
    'Container demo-web-2 Started node-2',
  ]);
});

test('a container whose engine does not answer is not healthy, and its node is named', (t) => {
  const web = aService('web', { replicas: 1 });
  const task = aTask(web, 1, { node: 'n1', status: up });
  const status = { state: 'unknown', since: 0, message: '', engine: 'silent' } as const;
  const state = seen([web], [task], [{ ...node1, status }]);
  const waiting = judge(state, 'healthy');
  t.false(waiting.done);
  t.deepEqual(rows(waiting), [
    'Container demo-web-1 Unknown node-1: Docker engine does not answer',
  ]);
  t.true(judge(state, 'started').done, 'without --wait a container that ran counts as started');
});

test('a container whose image is being pulled shows the percentage', (t) => {
  const web = aService('web');
  const preparing = (message: string) => {
    const task = aTask(web, 1, { node: 'n1', status: { state: 'preparing', message } });
    return judge(seen([web], [task])).rows[0];
  };
  t.like(preparing('pulling app:1: 27%'), {
    text: 'Pulling',
    detail: 'node-1',
    meter: { fraction: 0.27, text: '27%' },
  });
  t.is(preparing('pulling app:1')?.meter, undefined);
  t.is(preparing('fetching app:1 from another node')?.text, 'Fetching');
  t.is(preparing('accepted')?.text, 'Creating');
});

test('a container that ran before shows as running, not as started', (t) => {
  const web = aService('web');
  const state = seen([web], [aTask(web, 1, { node: 'n1', status: up })]);
  t.deepEqual(rows(judge(state, 'started', state)), ['Container demo-web-1 Running node-1']);
});

test('the command waits for a service that the manager does not know yet', (t) => {
  const judgement = evaluateUp(
    {
      project: 'demo',
      services: ['web'],
      until: 'started',
      changes: [],
      before: emptyWatchedState,
    },
    emptyWatchedState,
  );
  t.false(judgement.done);
});

test('the command waits until an outdated task has ended', (t) => {
  const web = aService('web');
  const fresh = aTask(web, 1, { id: 'new', node: 'n1', status: up, createdAt: 2 });
  const old = aTask(web, 1, {
    id: 'old',
    node: 'n1',
    status: up,
    taskHash: 'x',
    desired: 'shutdown',
  });
  t.false(judge(seen([web], [fresh, old])).done);
  t.true(judge(seen([web], [fresh])).done);
});

test('the command does not wait for an outdated task on a node that is down', (t) => {
  const web = aService('web');
  const fresh = aTask(web, 1, { id: 'new', node: 'n1', status: up, createdAt: 2 });
  const old = aTask(web, 1, { id: 'old', node: 'n2', status: up, desired: 'shutdown' });
  const down = aNode('n2', { state: 'down' });
  t.true(judge(seen([web], [fresh, old], [node1, down])).done);
});

test('a task on a node that is down does not count as up', (t) => {
  const web = aService('web');
  const task = aTask(web, 1, { node: 'n2', status: up });
  t.false(judge(seen([web], [task], [node1, aNode('n2', { state: 'down' })])).done);
});

test('a task without an eligible node makes the command give up', (t) => {
  const web = aService('web', { replicas: 2 });
  const reason = 'insufficient memory on 3 nodes';
  const tasks = [aTask(web, 1, { node: 'n1', status: up }), aTask(web, 2, unplaced(reason))];
  const judgement = judge(seen([web], tasks));
  t.false(judgement.done);
  t.deepEqual(judgement.stuck, [`service web: cannot place demo-web-2: ${reason}`]);
});

test('the command does not give up on an unplaced task while others still start', (t) => {
  const web = aService('web', { replicas: 2 });
  const tasks = [aTask(web, 1, { node: 'n1', state: 'preparing' }), aTask(web, 2, unplaced('x'))];
  t.deepEqual(judge(seen([web], tasks)).stuck, []);
});

test('services that only wait for a stuck dependency do not keep the command waiting', (t) => {
  const db = aService('db');
  const web = aService('web', {
    dependsOn: [{ service: 'db', condition: 'service_started', required: true, restart: false }],
  });
  const tasks = [
    aTask(db, 1, unplaced('x')),
    aTask(web, 1, { node: 'n1', state: 'ready', desired: 'ready' }),
  ];
  const judgement = judge(seen([db, web], tasks));
  t.is(judgement.stuck.length, 1);
  t.true(rows(judgement).includes('Container demo-web-1 Waiting node-1'));
});

test('a rejected task is reported with its service, node and error as it is', (t) => {
  const web = aService('web', { task: { container: { image: 'app:1' } } });
  const error = 'bind mount /srv/data: /srv/data is a symbolic link';
  const task = aTask(web, 1, { node: 'n2', state: 'rejected', status: { error } });
  t.deepEqual(judge(seen([web], [task])).stuck, [`service web on node-2: ${error}`]);
});

test('the command gives up after three rejected attempts', (t) => {
  const web = aService('web', { task: { container: { image: 'nosuch:1' } } });
  const tries = [1, 2, 3].map((at) =>
    aTask(web, 1, {
      id: `try-${at}`,
      createdAt: at,
      node: 'n1',
      state: 'rejected',
      desired: at === 3 ? 'running' : 'shutdown',
      status: { error: 'no such image: nosuch:1' },
    }),
  );
  t.is(judge(seen([web], tries)).failure, 'service web on node-1: no such image: nosuch:1');
});

test('--wait requires healthy containers if there is a health check', (t) => {
  const web = aService('web');
  const task = (health: 'starting' | 'healthy' | 'unhealthy') =>
    judge(seen([web], [aTask(web, 1, { node: 'n1', status: { ...up, health } })]), 'healthy');
  t.false(task('starting').done);
  t.true(task('healthy').done);
  t.is(task('unhealthy').failure, 'container demo-web-1 is unhealthy');
});

test('without --wait a container counts as up once it has started, even if it exited', (t) => {
  const job = aService('job', { task: { container: { engineRestart: { name: 'no' } } } });
  const failed = aTask(job, 1, { node: 'n1', state: 'failed', status: { ...up, exitCode: 3 } });
  t.true(judge(seen([job], [failed])).done);
  t.is(judge(seen([job], [failed]), 'healthy').failure, 'container demo-job-1 exited (3)');
  const complete = aTask(job, 1, { node: 'n1', state: 'complete', status: { ...up, exitCode: 0 } });
  t.true(judge(seen([job], [complete]), 'healthy').done);
});

test('--wait gives up on a container that its engine keeps restarting', (t) => {
  const web = aService('web');
  const task = (restarts: number) =>
    aTask(web, 1, { node: 'n1', status: { containerId: 'c', restarts, exitCode: 9 } });
  t.is(judge(seen([web], [task(1)]), 'healthy').failure, undefined);
  t.is(
    judge(seen([web], [task(3)]), 'healthy').failure,
    'service web: container demo-web-1 keeps restarting, exit code 9',
  );
});

test('a failed dependency fails the command with its name', (t) => {
  const db = aService('db');
  const init = aService('init');
  const needs = (
    service: string,
    condition: 'service_healthy' | 'service_completed_successfully',
  ) => aService('web', { dependsOn: [{ service, condition, required: true, restart: false }] });
  const gated = (web: Service) => aTask(web, 1, { node: 'n1', state: 'ready', desired: 'ready' });
  const sick = aTask(db, 1, { node: 'n1', status: { ...up, health: 'unhealthy' } });
  const onDb = needs('db', 'service_healthy');
  t.is(
    judge(seen([db, onDb], [sick, gated(onDb)])).failure,
    'dependency failed to start: container demo-db-1 is unhealthy',
  );
  const broken = aTask(init, 1, { node: 'n1', state: 'failed', status: { exitCode: 4 } });
  const onInit = needs('init', 'service_completed_successfully');
  t.is(
    judge(seen([init, onInit], [broken, gated(onInit)])).failure,
    'service "init" didn\'t complete successfully: exit 4',
  );
});

test('a halted service is up with nothing running', (t) => {
  const web = aService('web', { halted: true });
  t.true(judge(seen([web], [])).done);
});

test('containers removed by scaling down are reported', (t) => {
  const web = aService('web', { replicas: 1 });
  const kept = aTask(web, 1, { node: 'n1', status: up });
  const before = seen([web], [kept, aTask(web, 2, { node: 'n2', status: up })]);
  t.deepEqual(rows(judge(seen([web], [kept]), 'started', before)), [
    'Container demo-web-1 Running node-1',
    'Container demo-web-2 Removed node-2',
  ]);
});

test('the command waits until a surplus slot is shut down', (t) => {
  const web = aService('web', { replicas: 1 });
  const two = [1, 2].map((slot) => aTask(web, slot, { node: 'n1', status: up }));
  t.false(judge(seen([web], two)).done);
});

test('--no-start is done when every container is created', (t) => {
  const web = aService('web', { replicas: 2, held: true });
  const made = (slot: number, state: 'preparing' | 'ready') =>
    aTask(web, slot, { node: 'n1', state, desired: 'ready' });
  t.false(judge(seen([web], [made(1, 'ready'), made(2, 'preparing')]), 'created').done);
  const all = judge(seen([web], [made(1, 'ready'), made(2, 'ready')]), 'created');
  t.true(all.done);
  t.deepEqual(rows(all), [
    'Container demo-web-1 Created node-1',
    'Container demo-web-2 Created node-1',
  ]);
});

test('a global service is up when every eligible node has a task of the new spec', (t) => {
  const made = aService('web', { global: true });
  const web = { ...made, taskHash: 'new' };
  const node3 = aNode('n3', { name: 'node-3', availability: 'drain' });
  const task = (slot: number, taskHash: string, more: object) => ({
    ...aTask(web, slot, { id: `${String(slot)}${taskHash}`, node: `n${String(slot)}`, ...more }),
    taskHash,
  });
  const first = task(1, 'new', { status: up });
  const gone = task(2, 'old', { desired: 'shutdown', state: 'shutdown' });
  const between = judge(seen([web], [first, gone], [node1, node2, node3]));
  t.false(between.done);
  t.deepEqual(between.stuck, []);
  const next = task(2, 'new', { status: up });
  t.true(judge(seen([web], [first, gone, next], [node1, node2, node3])).done);
});

test('a global service that fits no node is stuck', (t) => {
  const web = aService('web', { global: true });
  const drained = aNode('n1', { availability: 'pause' });
  t.deepEqual(judge(seen([web], [], [drained])).stuck, ['service web: no eligible node']);
});

test('a global service that keeps an outdated task on a paused node is stuck', (t) => {
  const web = { ...aService('web', { global: true }), taskHash: 'new' };
  const paused = aNode('n2', { name: 'node-2', availability: 'pause' });
  const fresh = { ...aTask(web, 1, { node: 'n1', status: up }), taskHash: 'new' };
  const old = { ...aTask(web, 2, { id: 'old', node: 'n2', status: up }), taskHash: 'old' };
  const { done, stuck } = judge(seen([web], [fresh, old], [node1, paused]));
  t.false(done);
  t.deepEqual(stuck, [
    'service web: demo-web-2 keeps its previous container: node-2 is paused; run "shoal node update --availability active node-2"',
  ]);
});

test('a task that waits for its predecessor to stop is not stuck', (t) => {
  const web = aService('web');
  const old = aTask(web, 1, { id: 'old', node: 'n1', status: up, desired: 'shutdown' });
  const next = {
    ...aTask(web, 1, { id: 'next', state: 'pending', createdAt: 5 }),
    explanation: {
      ...{ placed: false, summary: 'port 80/tcp is already in use on 1 node', reasons: [], at: 0 },
      awaits: 'predecessor' as const,
    },
  };
  const status = judge(seen([web], [old, next]));
  t.deepEqual(status.stuck, []);
  t.false(status.done);
  t.deepEqual(rows(status), [
    'Container demo-web-1 Waiting the previous container stops first: port 80/tcp is already in use on 1 node',
  ]);
});

test('a task that ended with the container whose PID namespace it shares is waited for', (t) => {
  const web = aService('web');
  const side = aService('side', { task: { container: { pidService: 'web' } } });
  const taken = aTask(side, 1, {
    node: 'n1',
    state: 'failed',
    status: { exitCode: 137, startedAt: 5, containerId: 's' },
    createdAt: 4,
  });
  const with_ = (...tasks: Task[]) => judge(seen([web, side], [taken, ...tasks]), 'healthy');
  const old = aTask(web, 1, {
    id: 'old',
    node: 'n1',
    status: up,
    taskHash: 'x',
    desired: 'shutdown',
  });
  const fresh = (startedAt: number) =>
    aTask(web, 1, {
      id: 'new',
      node: 'n1',
      status: { startedAt, containerId: 'w' },
      createdAt: startedAt,
    });
  for (const judgement of [with_(old), with_(), with_(fresh(6))]) {
    t.is(judgement.failure, undefined);
    t.false(judgement.done);
  }
  // Killed for another reason while the namespace owner kept running.
  t.is(with_(fresh(1)).failure, 'container demo-side-1 exited (137)');
});
