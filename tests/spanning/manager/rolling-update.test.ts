import test from 'ava';
import { aServiceSpec } from '../../../fixtures/cluster/build.js';
import { currentUpdate } from '../../../manager/common/model/rollback.js';
import type { Service, ServiceSpec, UpdateConfig } from '../../../manager/common/model/service.js';
import type {
  ProjectApply,
  ProjectApplyResult,
} from '../../../manager/common/protocol/project-calls.js';
import type { FakeWorker } from '../../helpers/fakes/fake-worker.js';
import { aStatus } from '../../helpers/fakes/fake-worker.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import { until } from '../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

function web(tag: string, changes: Partial<ServiceSpec> = {}): ServiceSpec {
  const spec = aServiceSpec('web', { replicas: 2, task: { container: { image: `web:${tag}` } } });
  return { ...spec, ...changes };
}

const empty = {
  ...{ project: 'demo', networks: [], volumes: [], secrets: [], configs: [] },
  ...{ externalNetworks: [], externalVolumes: [], known: ['web'], removeOrphans: false },
  ...{ forceRecreate: [], keepReplicas: [], renewVolumes: [], dryRun: false },
};

function apply(
  manager: TestManager,
  spec: ServiceSpec,
  more: Partial<ProjectApply> = {},
): Promise<ProjectApplyResult> {
  return manager.call('project.apply', { ...empty, services: [spec], ...more });
}

async function serviceOf(manager: TestManager): Promise<Service> {
  const [service] = await manager.call('service.list', { project: 'demo' });
  if (service === undefined) throw new Error('no service');
  return service;
}

/** Waits until all tasks run this image and the update is completed. */
async function settled(manager: TestManager, image: string, count = 2): Promise<void> {
  await until(`${count} of ${image}`, 20_000, async () => {
    const tasks = await manager.call('task.list', { project: 'demo' });
    const running = tasks.filter(({ status }) => status.state === 'running');
    const fine = running.length === count && running.every(({ spec }) => isOf(spec, image));
    const { updateStatus } = await serviceOf(manager);
    return fine && (updateStatus === undefined || updateStatus.state === 'completed');
  });
}

const isOf = ({ container }: ServiceSpec['task'], image: string): boolean =>
  container.image === image;
const of = { project: 'demo', services: ['web'] };

test('rollback toggles between the last two specs and keeps the number of replicas', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1');
  await apply(manager, web('1'));
  await settled(manager, 'web:1');
  await t.throwsAsync(manager.call('service.rollback', of), {
    message: 'service web: does not have a previous spec to roll back to',
  });
  await apply(manager, web('2'));
  await settled(manager, 'web:2');
  await manager.call('service.scale', { project: 'demo', replicas: { web: 3 } });
  t.deepEqual(await manager.call('service.rollback', { ...of, services: [] }), ['web']);
  await settled(manager, 'web:1', 3);
  t.like(currentUpdate(await serviceOf(manager)), { kind: 'rollback', message: 'requested' });
  await manager.call('service.rollback', of);
  await settled(manager, 'web:2', 3);
  t.pass();
});

test('roll replaces every task without changing the spec', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1');
  await apply(manager, web('1'));
  await settled(manager, 'web:1');
  const former = (await manager.call('task.list', { project: 'demo' })).map(({ id }) => id);
  const { spec } = await serviceOf(manager);
  t.deepEqual(await manager.call('service.roll', of), ['web']);
  await settled(manager, 'web:1');
  const tasks = await manager.call('task.list', { project: 'demo' });
  t.deepEqual(
    tasks.filter(({ id }) => former.includes(id)),
    [],
  );
  t.deepEqual((await serviceOf(manager)).spec, spec);
  await manager.call('service.halt', { ...of, halted: true });
  await t.throwsAsync(manager.call('service.roll', of), { message: /is stopped/u });
});

/**
 * Rejects tasks with this image as missing on the engine, runs all others. Returns a stop function.
 */
function withoutImage(worker: FakeWorker, image: string): () => void {
  worker.reportsAssigned = false;
  const told = new Set<string>();
  const timer = setInterval(() => {
    for (const task of worker.held.tasks.values()) {
      const refused = isOf(task.spec, image) && task.desired === 'running';
      const state = refused ? 'rejected' : task.desired === 'running' ? 'running' : 'shutdown';
      if (told.has(`${task.id} ${state}`)) continue;
      told.add(`${task.id} ${state}`);
      worker.report(task.id, { ...aStatus(state), ...(refused ? { error: 'no such image' } : {}) });
    }
  }, 20);
  return () => {
    clearInterval(timer);
    worker.reportsAssigned = true;
  };
}

const watched = (failureAction: UpdateConfig['failureAction']): UpdateConfig => ({
  ...{ parallelism: 1, delayMs: 0, monitorMs: 50, maxFailureRatio: 0 },
  ...{ failureAction, order: 'stop-first' },
});

test('a failed update rolls back automatically', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1');
  const update = watched('rollback');
  await apply(manager, web('1', { update }));
  await settled(manager, 'web:1');
  t.teardown(withoutImage(worker, 'web:2'));
  await apply(manager, web('2', { update }));
  await until('going back', 20_000, async () => {
    return currentUpdate(await serviceOf(manager))?.kind === 'rollback';
  });
  await settled(manager, 'web:1');
  const service = await serviceOf(manager);
  t.regex(currentUpdate(service)?.message ?? '', /^web\.1 on w1: no such image/u);
  t.is(service.previousSpec, undefined, 'what failed is nothing to go back to');
});

test('up resumes a paused update', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const worker = await manager.join('w1');
  const update = watched('pause');
  await apply(manager, web('1', { update }));
  await settled(manager, 'web:1');
  const imageThere = withoutImage(worker, 'web:2');
  await apply(manager, web('2', { update }));
  await until('the pause', 20_000, async () => {
    return currentUpdate(await serviceOf(manager))?.state === 'paused';
  });
  imageThere();
  const { changes } = await apply(manager, web('2', { update }));
  t.like(changes[0], { action: 'updated', cause: 'update was paused' });
  await settled(manager, 'web:2');
});

test('configs of the previous spec are kept, and rollback fails once they are gone', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.join('w1');
  const file = { kind: 'config', target: '/c', uid: '0', gid: '0', mode: 0o444 } as const;
  const withFile = (tag: string): ServiceSpec => {
    const container = { image: `web:${tag}`, files: [{ ...file, source: `demo_c-${tag}` }] };
    return aServiceSpec('web', { replicas: 2, task: { container } });
  };
  const config = (tag: string) => ({
    configs: [
      {
        spec: { name: `demo_c-${tag}`, project: 'demo', key: 'c', labels: {}, external: false },
        data: Buffer.from(tag).toString('base64'),
      },
    ],
  });
  await apply(manager, withFile('1'), config('1'));
  await settled(manager, 'web:1');
  await apply(manager, withFile('2'), config('2'));
  await settled(manager, 'web:2');
  await manager.call('service.rollback', of);
  await settled(manager, 'web:1');
  await manager.call('config.remove', { name: 'demo_c-2' });
  await t.throwsAsync(manager.call('service.rollback', of), {
    message: /^service web: cannot roll back, config demo_c-2 no longer exists/u,
  });
});
