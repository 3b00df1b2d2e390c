import test from 'ava';
import { busyboxReference } from '../../fixtures/images/busybox.js';
import { openLab } from '../../fixtures/lab/lab.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { ContainerSpec, MountSpec } from '../../manager/common/model/container.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { harnessTask, type HarnessTaskOptions } from '../helpers/lab/worker-harness.js';
import { workerMachine, type WorkerMachine } from '../helpers/lab/worker-machine.js';

/* Anonymous volumes of a slot on a real engine: of the file at /data, of the image at /img. */

const lab = openLab({ name: 'voltest', subnet: '10.98.83' });

test.before(async () => {
  if (process.getuid?.() === 0) await lab.down();
});
test.after.always(async () => {
  if (process.getuid?.() === 0) await lab.down();
});

const image = 'shoal-test/volume:latest';
const unnamed: MountSpec = { type: 'volume', target: '/data', readOnly: false, noCopy: false };
const container: Partial<ContainerSpec> = {
  ...{ image, mounts: [unnamed], engineRestart: { name: 'no' } },
};

function slotTask(id: string, options: HarnessTaskOptions = {}) {
  return harnessTask(id, { ...options, container: { ...container, ...options.container } });
}

async function makeImage({ docker }: WorkerMachine): Promise<void> {
  await docker('create', '--name', 'base', busyboxReference);
  await docker('commit', '--change', 'VOLUME /img', 'base', image);
  await docker('rm', 'base');
}

async function volumes({ docker }: WorkerMachine): Promise<readonly string[]> {
  const out = await docker('volume', 'ls', '--quiet');
  return out === '' ? [] : out.split('\n').sort();
}

async function write({ docker }: WorkerMachine, text: string): Promise<void> {
  await docker('exec', 'demo-web-1', 'sh', '-c', `echo ${text} > /data/f; echo ${text} > /img/f`);
}

function read({ docker }: WorkerMachine): Promise<string> {
  return docker('exec', 'demo-web-1', 'sh', '-c', 'cat /data/f /img/f 2>/dev/null || true');
}

/** Replaces a task as an update does: stop-first, the old one withdrawn when the new one runs. */
async function replace(started: WorkerMachine, old: string, next: string, options = {}) {
  const { manager } = started;
  manager.assign({ tasks: [slotTask(old, { desired: 'shutdown' })] });
  await manager.ended(old);
  manager.assign({ tasks: [slotTask(next, options)] });
  await manager.running(next);
  manager.withdraw({ tasks: [old as TaskId] });
  await waitFor('the old container to go', async () => (await started.containers()).length === 1);
}

machineTest('the containers of a slot pass their volumes on until the slot goes', async (t) => {
  const started = await workerMachine(t, lab);
  await makeImage(started);
  const { manager } = started;
  manager.assign({ tasks: [slotTask('a')] });
  const first = await manager.running('a');
  t.deepEqual(first.anonymousVolumes, ['/data', '/img']);
  await write(started, 'kept');
  const before = await volumes(started);
  t.is(before.length, 2);
  await replace(started, 'a', 'b');
  await replace(started, 'b', 'c', { container: { labels: { changed: 'yes' } } });
  t.is(await read(started), 'kept\nkept');
  t.deepEqual(await volumes(started), before);
  t.deepEqual(manager.status('c')?.anonymousVolumes, ['/data', '/img']);
  await replace(started, 'c', 'd', { container: { volumesRenewedAt: 1 } });
  t.is(await read(started), '');
  const renewed = await volumes(started);
  t.is(renewed.length, 2);
  t.false(renewed.some((name) => before.includes(name)));
  await write(started, 'again');
  await replace(started, 'd', 'e', { container: { volumesRenewedAt: 1 } });
  t.is(await read(started), 'again\nagain');
  manager.withdraw({ tasks: ['e' as TaskId] });
  await waitFor('the volumes to go', async () => (await volumes(started)).length === 0);
});

machineTest('a container removed by hand leaves its volumes to the slot', async (t) => {
  const started = await workerMachine(t, lab);
  await makeImage(started);
  const { manager, docker } = started;
  const always = { container: { engineRestart: { name: 'always' } } } as const;
  manager.assign({ tasks: [slotTask('a', always)] });
  const first = await manager.running('a');
  await write(started, 'kept');
  const before = await volumes(started);
  await docker('rm', '--force', 'demo-web-1');
  await manager.until(
    'a',
    'a new container',
    ({ containerId, startedAt }) => containerId !== first.containerId && startedAt !== undefined,
  );
  t.is(await read(started), 'kept\nkept');
  t.deepEqual(await volumes(started), before);
  await docker('rm', '--force', 'demo-web-1');
  manager.withdraw({ tasks: ['a' as TaskId] });
  await waitFor('the volumes to go', async () => (await volumes(started)).length === 0);
});

machineTest('volumes whose slot went while the worker was away are removed', async (t) => {
  const started = await workerMachine(t, lab);
  await makeImage(started);
  const { manager, docker } = started;
  manager.assign({ tasks: [slotTask('a')] });
  await manager.running('a');
  await docker('volume', 'create', 'mine');
  await started.stop();
  await docker('rm', '--force', 'demo-web-1');
  t.is((await volumes(started)).length, 3);
  manager.withdraw({ tasks: ['a' as TaskId] });
  const again = await started.restart();
  t.teardown(() => again.stop());
  await waitFor('the volumes to go', async () => (await volumes(started)).join() === 'mine');
  await docker('volume', 'rm', 'mine');
});
