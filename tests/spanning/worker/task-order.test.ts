import test from 'ava';
import type { EngineRestart } from '../../../manager/common/model/container.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import { TaskSetBench, assigned, containerOf } from '../../helpers/fakes/task-set-bench.js';
import { settle } from '../../helpers/fakes/runner-bench.js';

const web = assigned('web');
const vpn = assigned('vpn');
const follower = assigned('app', {
  container: { networkMode: { kind: 'service', service: 'vpn' } },
});
const always: EngineRestart = { name: 'always' };
const running = (bench: TaskSetBench, task: AssignedTask): boolean =>
  bench.stateOf(task) === 'running';

test('a follower is created after its leader and started once the leader runs', async (t) => {
  const bench = new TaskSetBench();
  await bench.apply(follower, { ...vpn, desired: 'ready' });
  t.true(bench.actions.includes('create app.1'), 'the leader exists');
  t.false(bench.actions.includes('start app.1'), 'the leader does not run');
  await bench.apply(follower, vpn);
  t.deepEqual(bench.actions.slice(-2), ['start vpn.1', 'start app.1']);
});

test('a follower without a leader on its node waits', async (t) => {
  const bench = new TaskSetBench();
  await bench.apply(follower, web);
  t.deepEqual(
    bench.actions.filter((line) => line.endsWith('app.1')),
    ['prepare app.1'],
  );
});

test('a change of a task wakes only tasks that depend on it', async (t) => {
  const bench = new TaskSetBench();
  await bench.apply(follower, { ...vpn, project: 'other' });
  t.true(running(bench, { ...vpn, project: 'other' }));
  t.false(bench.actions.includes('create app.1'));
});

test('a task starts only after the former container of its slot has ended', async (t) => {
  const former = { ...web, id: 'old' as TaskId, desired: 'shutdown' as const };
  const bench = new TaskSetBench();
  bench.held.add('stop');
  await bench.set(containerOf(former, { name: 'aside' }));
  await bench.apply(former, web);
  t.false(running(bench, web));
  t.true(bench.actions.includes('create web.1'));
  await bench.set(containerOf(former, { name: 'aside', state: 'exited' }));
  t.true(running(bench, web));
});

test('a task starts only after an orphan with its name or port has ended', async (t) => {
  const base = assigned('web');
  const port = { target: 80, protocol: 'tcp', published: 80 } as const;
  const task = { ...base, spec: { ...base.spec, ports: [{ ...port, mode: 'host' as const }] } };
  const orphan = { id: 'lost' as TaskId, containerName: 'x' };
  for (const conflict of [
    { name: web.containerName },
    { ports: [{ ...port, hostIp: '0.0.0.0' }] },
  ]) {
    const bench = new TaskSetBench();
    bench.held.add('stop');
    await bench.set(containerOf(orphan, conflict));
    await bench.apply(task);
    t.false(running(bench, task));
    await bench.set(containerOf(orphan, { ...conflict, state: 'exited' }));
    t.true(running(bench, task));
  }
});

test('neither stopped, nor unrelated, nor wanted containers hold up a start', async (t) => {
  const bench = new TaskSetBench();
  bench.held.add('stop');
  bench.held.add('remove');
  const sibling = { ...web, id: 'sibling' as TaskId };
  await bench.set(containerOf({ ...web, id: 'old' as TaskId }, { state: 'exited' }));
  await bench.set(containerOf({ id: 'lost' as TaskId, containerName: 'x' }));
  await bench.set(containerOf(sibling));
  await bench.apply(web, sibling, { ...vpn, desired: 'shutdown' });
  t.true(running(bench, web));
});

test('a shut-down task of another slot holds up nothing', async (t) => {
  const bench = new TaskSetBench();
  bench.held.add('stop');
  const other = { ...web, id: 'other' as TaskId, slot: 2, desired: 'shutdown' as const };
  await bench.set(containerOf(other, { name: 'demo-web-2' }));
  await bench.apply(web, other);
  t.true(running(bench, web));
});

test('a task adopts its predecessor’s container once that has stopped', async (t) => {
  const former = { ...web, id: 'old' as TaskId };
  const next = { ...web, adopts: former.id };
  const bench = new TaskSetBench();
  await bench.apply(former);
  bench.actions.length = 0;
  await bench.apply({ ...former, desired: 'shutdown' }, next);
  await settle();
  t.deepEqual(bench.actions, ['stop old', 'start web.1']);
  t.true(running(bench, next));
  t.deepEqual([...bench.adopted.keys()], [next.id]);
  t.is(bench.tasks.container(next.id).id, 'c-old');
  t.throws(() => bench.tasks.container(former.id), { message: /has no container/u });
  await bench.apply(next);
  t.true(running(bench, next), 'the end of the predecessor leaves the container alone');
});

test('a worker that restarts finds adopted containers again', async (t) => {
  const former = { ...web, id: 'old' as TaskId };
  const bench = new TaskSetBench(({ adopted, cache }) => {
    adopted.set(web.id, { containerId: 'c-old' });
    cache.put(containerOf(former));
  });
  await bench.apply(web);
  t.deepEqual(bench.actions, []);
  t.true(running(bench, web));
  await bench.set(containerOf(former, { state: 'exited', exitCode: 2 }));
  t.like(bench.ended.get(web.id), { state: 'failed', exitCode: 2 });
});

test('a task whose container was adopted by another is not confused by its changes', async (t) => {
  const former = assigned('web', { id: 'old', container: { engineRestart: always } });
  const bench = new TaskSetBench(({ adopted, ended, cache }) => {
    adopted.set(web.id, { containerId: 'c-old' });
    ended.set(former.id, { state: 'shutdown', at: 0, message: '' });
    cache.put(containerOf(former));
  });
  await bench.apply(web, { ...former, desired: 'shutdown' });
  await bench.set(containerOf(former));
  t.deepEqual(bench.actions, []);
  t.deepEqual(bench.tasks.downTasks(), new Set([former.id]));
});
