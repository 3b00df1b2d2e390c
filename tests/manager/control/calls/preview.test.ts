import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aNetwork, aServiceSpec, aVolume } from '../../../../fixtures/cluster/build.js';
import type { PreviewableCall } from '../../../../manager/common/protocol/control.js';
import { previewableCalls } from '../../../../manager/common/protocol/control.js';
import type { TestPki } from '../../../helpers/pki/pki.js';
import { createManagerPki, TestManager } from '../../../helpers/managers/test-manager.js';
import { anApply } from '../../../helpers/managers/project-apply.js';
import { until } from '../../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

/** A cluster of two nodes with two tasks of `web`, and functions to plan and to compare. */
async function runningProject(t: ExecutionContext) {
  const manager = await TestManager.start(t, { pki });
  for (const id of ['w1', 'w2']) await manager.join(id);
  await manager.call(
    'project.apply',
    anApply({
      services: [aServiceSpec('web', { replicas: 2 })],
      networks: [aNetwork('demo_default').spec],
      volumes: [aVolume('demo_data').spec],
    }),
  );
  const tasks = () => manager.call('task.list', { project: 'demo' });
  await until('two running tasks', 30_000, async () => {
    return (await tasks()).filter(({ status }) => status.state === 'running').length === 2;
  });
  const plan = async (call: PreviewableCall, args: object) => {
    const { changes, steps } = await manager.call('preview', { call, args });
    const lines = steps.map(({ action, container }) => `${action} ${container}`);
    return { changes, steps: lines.sort() };
  };
  /** Intent only: statuses change on their own. */
  const state = async () => ({
    services: (await manager.call('service.list', {})).map(({ spec, removing }) => [
      spec,
      removing,
    ]),
    tasks: (await tasks()).map(({ id, desired }) => [id, desired]).sort(),
    nodes: (await manager.call('node.list', {})).map(({ spec }) => spec),
    networks: await manager.call('network.list', {}),
    volumes: await manager.call('volume.list', {}),
    secrets: await manager.call('secret.list', {}),
    configs: await manager.call('config.list', {}),
  });
  return { manager, plan, state };
}

test('planned calls list their changes and steps and change nothing', async (t) => {
  const { plan, state } = await runningProject(t);
  const before = await state();
  const project = { project: 'demo', services: [] };
  const { changes, steps } = await plan('project.remove', { ...project, volumes: true });
  t.deepEqual(
    [...changes].sort(),
    ['removed network demo_default', 'removed service demo_web', 'removed volume demo_data'].sort(),
  );
  t.deepEqual(steps, ['remove demo-web-1', 'remove demo-web-2']);
  t.deepEqual(await plan('service.scale', { project: 'demo', replicas: { web: 3 } }), {
    changes: ['service demo_web: replicas 2 → 3'],
    steps: ['create demo-web-3'],
  });
  t.deepEqual((await plan('service.halt', { ...project, halted: true })).steps, [
    'stop demo-web-1',
    'stop demo-web-2',
  ]);
  t.deepEqual((await plan('service.roll', project)).steps, [
    ...['create demo-web-1', 'create demo-web-2', 'stop demo-web-1', 'stop demo-web-2'],
  ]);
  const drained = await plan('node.update', { node: 'w1', availability: 'drain' });
  t.regex(drained.changes.join(), /^node \S+: spec\.availability$/u);
  t.is(drained.steps.length, 2);
  t.deepEqual(await plan('volume.remove', { name: 'demo_data', force: false }), {
    changes: ['removed volume demo_data'],
    steps: [],
  });
  const secret = { name: 's', labels: {}, data: '' };
  t.deepEqual((await plan('secret.create', secret)).changes, ['created secret s']);
  t.deepEqual(await state(), before);
});

test('a plan fails as the call itself would', async (t) => {
  const { manager, plan, state } = await runningProject(t);
  const before = await state();
  const scale = { project: 'demo', replicas: { nosuch: 3 } };
  const planned = await t.throwsAsync(plan('service.scale', scale));
  const real = await t.throwsAsync(manager.call('service.scale', { ...scale }));
  t.is(planned.message, real.message);
  t.deepEqual(await state(), before);
});

test('calls that act on workers cannot be planned', async (t) => {
  const { manager } = await runningProject(t);
  const args = { project: 'demo', services: ['web'], signal: 'SIGKILL' };
  const call = 'service.kill' as PreviewableCall;
  await t.throwsAsync(manager.call('preview', { call, args }), {
    message: /one of project\.remove/,
  });
  t.false((previewableCalls as readonly string[]).includes('service.kill'));
});

test('ended containers of removed services and of rm are removed', async (t) => {
  const { manager, plan } = await runningProject(t);
  await manager.call('service.halt', { project: 'demo', services: [], halted: true });
  await until('two ended tasks', 30_000, async () => {
    const tasks = await manager.call('task.list', { project: 'demo' });
    return tasks.every(({ status }) => status.state === 'shutdown');
  });
  const removed = ['remove demo-web-1', 'remove demo-web-2'];
  const project = { project: 'demo', services: ['web'] };
  t.deepEqual((await plan('service.clean', project)).steps, removed);
  t.deepEqual((await plan('project.remove', { ...project, volumes: false })).steps, removed);
});
