import test from 'ava';
import { isNotFound } from '../../../manager/common/base/errors.js';
import { deferred, untilAborted } from '../../../manager/common/base/cancellation.js';
import type { EngineRestart } from '../../../manager/common/model/container.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import { settle } from '../../helpers/fakes/runner-bench.js';
import {
  TaskSetBench,
  assigned,
  assignments,
  containerOf,
} from '../../helpers/fakes/task-set-bench.js';

const web = assigned('web');
const api = assigned('api');
const lost = { id: 'lost' as TaskId, containerName: 'demo-lost-1' };
const always: EngineRestart = { name: 'always' };

test('every task of the set is started and reported', async (t) => {
  const bench = new TaskSetBench();
  await bench.apply(web, api);
  t.deepEqual(
    [web, api].map((task) => bench.stateOf(task)),
    ['running', 'running'],
  );
  t.deepEqual(
    bench.actions.filter((line) => line.endsWith(web.id)),
    [`prepare ${web.id}`, `create ${web.id}`, `start ${web.id}`],
  );
  t.deepEqual(bench.reported.filter((line) => line.startsWith(web.id)).at(-1), 'web.1 running');
});

test('a task that leaves the set is stopped, removed and forgotten', async (t) => {
  const bench = new TaskSetBench();
  await bench.apply(web, api);
  bench.ended.set(web.id, { state: 'failed', at: 0, message: '' });
  const told: TaskId[] = [];
  bench.tasks.onReport((taskId) => told.push(taskId));
  bench.actions.length = 0;
  await bench.apply(api);
  t.deepEqual(bench.actions, ['stop c-web.1', 'remove c-web.1']);
  t.deepEqual(bench.forgotten, [web.id]);
  t.deepEqual(told, [web.id], 'listeners learn that the task is gone');
  t.is(bench.tasks.find(web.id), undefined);
  t.false(bench.ended.has(web.id));
  t.is(bench.stateOf(api), 'running');
});

test('a task that returns to the set while it is removed is not forgotten', async (t) => {
  const bench = new TaskSetBench();
  await bench.apply({ ...web, desired: 'shutdown' });
  await bench.apply();
  t.deepEqual(bench.forgotten, [web.id]);
  await bench.apply(web);
  t.is(bench.stateOf(web), 'running', 'it starts anew');
});

test('an error while a task is forgotten is logged', async (t) => {
  const bench = new TaskSetBench();
  bench.forget = () => Promise.reject(new Error('disk is full'));
  await bench.apply(web);
  await bench.apply();
  t.deepEqual(bench.logged, ['warn: disk is full']);
});

test('containers without a task are removed once there is a set', async (t) => {
  const bench = new TaskSetBench((empty) => {
    empty.cache.put(containerOf(lost));
  });
  bench.cache.sync();
  await bench.set(containerOf(lost));
  t.deepEqual(bench.actions, [], 'nothing is removed before the first set');
  await bench.apply(web);
  t.true(bench.actions.includes('remove c-lost'));
  t.is(bench.cache.get('c-lost'), undefined);
  await bench.set(containerOf(lost, { state: 'exited' }));
  t.is(bench.cache.get('c-lost'), undefined, 'also those that appear later');
  t.deepEqual(
    bench.reported.filter((line) => line.startsWith('lost')),
    [],
  );
});

test('a complete list from the engine updates every task and reveals orphans', async (t) => {
  const bench = new TaskSetBench();
  await bench.apply(web);
  bench.cache.put(containerOf(web, { state: 'exited', exitCode: 0 }));
  bench.cache.put(containerOf(lost));
  bench.cache.sync();
  await settle();
  t.is(bench.stateOf(web), 'complete');
  t.is(bench.cache.get('c-lost'), undefined);
});

test('nothing is done while the engine is away', async (t) => {
  const bench = new TaskSetBench();
  bench.cache.connected = false;
  await bench.apply(web);
  t.deepEqual(bench.actions, []);
  bench.cache.sync();
  await settle();
  t.is(bench.stateOf(web), 'running');
});

test('a container that vanishes ends its task, or is created again', async (t) => {
  const bench = new TaskSetBench();
  const kept = assigned('kept', { container: { engineRestart: always } });
  await bench.apply(web, kept, api);
  await bench.delete('c-web.1');
  t.is(bench.stateOf(web), 'failed');
  bench.clock.advance(60_000);
  bench.actions.length = 0;
  await bench.delete('c-kept.1');
  t.deepEqual(bench.actions, ['create kept.1', 'start kept.1']);
});

test('a stopped set begins nothing and hears nothing', async (t) => {
  const bench = new TaskSetBench();
  await bench.apply(web);
  bench.actions.length = 0;
  await bench.tasks.stop();
  await bench.apply(api);
  await bench.set(containerOf(lost));
  bench.cache.sync();
  await settle();
  t.deepEqual(bench.actions, []);
  t.is(bench.tasks.find(api.id), undefined);
});

test('the end of the set waits for actions in flight', async (t) => {
  const bench = new TaskSetBench();
  bench.held.add('prepare');
  await bench.apply(web);
  await bench.tasks.stop();
  t.deepEqual(bench.actions, ['prepare web.1']);
  t.deepEqual(bench.logged, []);
});

test('reports cover the tasks of the set, not orphaned containers', async (t) => {
  const bench = new TaskSetBench();
  bench.held.add('stop');
  await bench.set(containerOf(lost));
  await bench.apply(web);
  t.deepEqual(
    bench.tasks.reports().map(({ taskId, status }) => `${taskId} ${status.state}`),
    ['web.1 running'],
  );
});

test('before the first list from the engine only ended tasks are reported', async (t) => {
  const bench = new TaskSetBench(({ cache, ended }) => {
    cache.hasSynced = false;
    cache.connected = false;
    ended.set(api.id, { state: 'failed', at: 0, message: 'exited (1)' });
  });
  await bench.apply(web, api);
  t.deepEqual(
    bench.tasks.reports().map(({ taskId }) => taskId),
    [api.id],
  );
  t.deepEqual(bench.tasks.downTasks(), new Set());
});

test('a task is down unless it runs, is not paused and not unhealthy', async (t) => {
  const bench = new TaskSetBench();
  await bench.apply(web);
  const isDown = async (changes: Parameters<typeof containerOf>[1]): Promise<boolean> => {
    await bench.set(containerOf(web, changes));
    return bench.tasks.downTasks().has(web.id);
  };
  t.false(await isDown({ state: 'running' }));
  t.false(await isDown({ state: 'running', health: 'healthy' }));
  t.true(await isDown({ state: 'running', health: 'starting' }));
  t.true(await isDown({ state: 'running', health: 'unhealthy' }));
  t.true(await isDown({ state: 'paused', startedAt: 1 }));
  t.true(await isDown({ state: 'restarting' }));
  t.true(await isDown({ state: 'exited' }));
});

test('a task and its container are found by id, or the error says which is missing', async (t) => {
  const bench = new TaskSetBench();
  bench.held.add('create');
  await bench.apply(web);
  t.is(bench.tasks.runner(web.id).id, web.id);
  t.true(isNotFound(t.throws(() => bench.tasks.runner(api.id))));
  t.true(isNotFound(t.throws(() => bench.tasks.container(web.id))));
  await bench.set(containerOf(web));
  t.is(bench.tasks.container(web.id).id, 'c-web.1');
});

test('live containers are running or paused and belong to a task of the set', async (t) => {
  const bench = new TaskSetBench();
  const live = (): readonly (readonly [string, string])[] => [...bench.tasks.liveContainers()];
  bench.held.add('stop');
  await bench.set(containerOf(lost));
  await bench.apply(web, api);
  t.deepEqual(live(), [
    [web.id, 'c-web.1'],
    [api.id, 'c-api.1'],
  ]);
  await bench.set(containerOf(api, { state: 'paused' }));
  await bench.set(containerOf(web, { state: 'restarting' }));
  t.deepEqual(live(), [[api.id, 'c-api.1']]);
});

test('listeners are told once for each change until they unsubscribe', async (t) => {
  const bench = new TaskSetBench();
  await bench.apply(web);
  const told: TaskId[] = [];
  const unsubscribe = bench.tasks.onReport((taskId) => told.push(taskId));
  await bench.set(containerOf(web, { health: 'healthy' }));
  await bench.set(containerOf(web, { health: 'healthy' }));
  t.deepEqual(told, [web.id]);
  unsubscribe();
  await bench.set(containerOf(web, { health: 'unhealthy' }));
  t.is(told.length, 1);
});

test('live containers outside a new set are disconnected before anything else', async (t) => {
  const bench = new TaskSetBench();
  const stopping = assigned('stopping', { desired: 'shutdown' });
  const replaced = assigned('replaced', { desired: 'shutdown' });
  for (const task of [web, stopping, replaced, lost]) bench.cache.put(containerOf(task));
  bench.cache.put(containerOf({ ...lost, id: 'old' as TaskId }, { state: 'exited' }));
  const former = assignments(web, stopping, { ...replaced, desired: 'running' });
  await bench.tasks.isolateOrphans(assignments(web, stopping, replaced), former);
  t.deepEqual(bench.isolated, ['c-replaced.1', 'c-lost']);
  t.deepEqual(bench.logged, ['info: orphaned containers disconnected from their networks']);
  t.deepEqual(bench.actions, []);
});

test('without a former set, tasks that should stop are disconnected as well', async (t) => {
  const bench = new TaskSetBench();
  bench.cache.put(containerOf(web));
  await bench.tasks.isolateOrphans(assignments({ ...web, desired: 'shutdown' }), undefined);
  t.deepEqual(bench.isolated, ['c-web.1']);
});

test('a set without orphans disconnects and logs nothing', async (t) => {
  const bench = new TaskSetBench();
  bench.cache.put(containerOf(lost));
  bench.adopted.set(web.id, { containerId: 'c-lost' });
  await bench.tasks.isolateOrphans(assignments(web), undefined);
  t.deepEqual(bench.isolated, [], 'an adopted container belongs to its adopter');
  t.deepEqual(bench.logged, []);
});

test('a container that cannot be disconnected in time holds up nothing', async (t) => {
  const bench = new TaskSetBench();
  bench.cache.put(containerOf(lost));
  bench.cache.put(containerOf(web));
  bench.isolate = (id, signal) =>
    id === 'c-lost'
      ? untilAborted(deferred<never>().promise, signal)
      : Promise.reject(new Error('no such network'));
  const isolation = bench.tasks.isolateOrphans(assignments(), undefined);
  await settle();
  bench.clock.advance(5_000);
  await isolation;
  t.deepEqual(bench.logged.slice(0, 2).toSorted(), [
    'warn: cannot isolate orphaned container demo-lost-1: the engine does not answer',
    'warn: cannot isolate orphaned container demo-web-1: no such network',
  ]);
});

test('a leader is the wanted task of the service in the same project and slot', async (t) => {
  const bench = new TaskSetBench();
  const vpn = assigned('vpn');
  const others = [
    { ...vpn, id: 'p' as TaskId, project: 'other' },
    { ...vpn, id: 's' as TaskId, slot: 2 },
    { ...vpn, id: 'd' as TaskId, desired: 'shutdown' as const },
  ];
  await bench.apply(web, api, ...others);
  t.is(bench.tasks.leaderTask(web, 'vpn'), undefined);
  await bench.apply(web, api, ...others, vpn);
  t.is(bench.tasks.leaderTask(web, 'vpn')?.id, vpn.id);
  await bench.apply(web, { ...vpn, desired: 'ready' });
  t.is(bench.tasks.leaderTask(web, 'vpn')?.id, vpn.id);
});

test('of two tasks in a leader’s slot the active one leads', async (t) => {
  const vpn = assigned('vpn', { id: 'vpn-old' });
  const next = { ...vpn, id: 'vpn-new' as TaskId };
  const bench = new TaskSetBench(({ ended }) => {
    ended.set(vpn.id, { state: 'failed', at: 0, message: '' });
  });
  await bench.apply(web, vpn);
  t.is(bench.tasks.leaderTask(web, 'vpn')?.id, vpn.id, 'an ended one is better than none');
  await bench.apply(web, vpn, next);
  t.is(bench.tasks.leaderTask(web, 'vpn')?.id, next.id);
});

test('before the first set there is no leader', (t) => {
  t.is(new TaskSetBench().tasks.leaderTask(web, 'vpn'), undefined);
});
