import test from 'ava';
import { openLab } from '../../fixtures/lab/lab.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { ContainerSpec } from '../../manager/common/model/container.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { harnessNetwork, harnessTask } from '../helpers/lab/worker-harness.js';
import { workerMachine } from '../helpers/lab/worker-machine.js';

const lab = openLab({ name: 'worktest', subnet: '10.98.82' });

test.before(async () => {
  if (process.getuid?.() === 0) await lab.down();
});
test.after.always(async () => {
  if (process.getuid?.() === 0) await lab.down();
});

const always = { engineRestart: { name: 'always' } } as const;
const never = { engineRestart: { name: 'no' } } as const;

machineTest(
  'an assigned task becomes a running container on its network and is reported',
  async (t) => {
    const { manager, machine, containers } = await workerMachine(t, lab);
    manager.assign({ tasks: [harnessTask('t1', { host: 7 })], networks: [harnessNetwork] });
    const status = await manager.running('t1');
    t.is(status.health, undefined);
    t.truthy(status.imageId);
    const addresses = await machine.output(['docker', 'exec', 'demo-web-1', 'ip', '-4', 'addr']);
    t.true(addresses.includes('10.97.0.7/24'), addresses);
    t.deepEqual(manager.networks, [harnessNetwork.id]);
    manager.withdraw({ tasks: ['t1' as TaskId], networks: [harnessNetwork.id] });
    await waitFor('the container to go', async () => (await containers()).length === 0);
    await waitFor('the network to go', () => manager.networks.length === 0);
  },
);

machineTest('states are reported in order, and a `ready` task waits to be started', async (t) => {
  const { manager, containers } = await workerMachine(t, lab);
  manager.assign({ tasks: [harnessTask('t1', { desired: 'ready' })] });
  await manager.until('t1', 'ready', (status) => status.state === 'ready');
  t.deepEqual(await containers(), ['demo-web-1 created']);
  const requestedAt = Date.now();
  manager.assign({ tasks: [harnessTask('t1', { desired: 'running', startDelayMs: 700 })] });
  const status = await manager.running('t1');
  t.true((status.startedAt ?? 0) - requestedAt >= 695);
  const order = ['accepted', 'preparing', 'ready', 'starting', 'running'];
  const states = manager.states('t1');
  t.deepEqual(
    states,
    order.filter((state) => states.includes(state)),
  );
});

machineTest(
  'a crashed container is restarted by its engine, and its task stays the same one',
  async (t) => {
    const { manager, machine, docker } = await workerMachine(t, lab);
    manager.assign({ tasks: [harnessTask('t1', { container: always })] });
    const first = await manager.running('t1');
    const pid = await docker('inspect', '--format', '{{.State.Pid}}', 'demo-web-1');
    const since = performance.now();
    await machine.output(['kill', '-9', pid]);
    const again = await manager.until(
      't1',
      'running again',
      (status) => status.startedAt !== undefined && status.startedAt !== first.startedAt,
    );
    t.log(`running again after ${(performance.now() - since).toFixed(0)} ms`);
    t.is(again.restarts, 1);
    const between = manager.history.find(
      ({ status }) => status.state === 'running' && status.startedAt === undefined,
    );
    t.is(between?.status.message, 'restarting');
  },
);

machineTest('a manually stopped container restarts, a killed one does not', async (t) => {
  const { manager, docker, containers } = await workerMachine(t, lab);
  manager.assign({ tasks: [harnessTask('t1', { container: always })] });
  const first = await manager.running('t1');
  await docker('stop', '--time', '1', 'demo-web-1');
  await manager.until(
    't1',
    'running again',
    (status) => (status.startedAt ?? 0) > (first.startedAt ?? 0) && status.restarts === 1,
  );
  await manager.call({ name: 'kill', args: { taskId: 't1' as TaskId, signal: 'SIGKILL' } });
  const ended = await manager.ended('t1');
  t.is(ended.state, 'failed');
  t.is(ended.exitCode, 137);
  t.deepEqual(await containers(), ['demo-web-1 exited']);
});

machineTest('without restarts a task ends with the exit code of its process', async (t) => {
  const { manager, containers } = await workerMachine(t, lab);
  const exits = (code: number): Partial<ContainerSpec> => ({
    ...never,
    command: ['sh', '-c', `exit ${String(code)}`],
  });
  manager.assign({
    tasks: [
      harnessTask('good', { service: 'good', container: exits(0) }),
      harnessTask('bad', { service: 'bad', container: exits(3) }),
    ],
  });
  const [good, bad] = await Promise.all([manager.ended('good'), manager.ended('bad')]);
  t.is(good.state, 'complete');
  t.is(good.exitCode, 0);
  t.is(bad.state, 'failed');
  t.is(bad.exitCode, 3);
  t.deepEqual(await containers(), ['demo-bad-1 exited', 'demo-good-1 exited']);
});

machineTest(
  'a task without an image is rejected with the reason, one that cannot start fails',
  async (t) => {
    const { manager } = await workerMachine(t, lab);
    manager.assign({
      tasks: [
        harnessTask('image', {
          service: 'image',
          container: { image: 'shoal-test/absent:1', pullPolicy: 'never' },
        }),
        harnessTask('pull', { service: 'pull', container: { image: 'localhost:9/absent:1' } }),
        harnessTask('command', {
          service: 'command',
          container: { command: ['/absent'], hostConfig: {} },
        }),
      ],
    });
    const image = await manager.ended('image');
    t.is(image.state, 'rejected');
    t.is(
      image.error,
      'image shoal-test/absent:1 is not on node node-a; its pull policy is never; no other node has it',
    );
    const pull = await manager.ended('pull');
    t.is(pull.state, 'rejected');
    t.regex(
      pull.error ?? '',
      /^image localhost:9\/absent:1 is not on node node-a and cannot be pulled: .*refused; no other node has it$/,
    );
    const command = await manager.ended('command');
    t.is(command.state, 'failed');
    t.regex(command.error ?? '', /\/absent/);
    t.false((command.error ?? '').includes('\n'));
  },
);

machineTest(
  'a replacement takes over the container name, and the old container stays until withdrawn',
  async (t) => {
    const { manager, containers } = await workerMachine(t, lab);
    manager.assign({ tasks: [harnessTask('old', { host: 7 })], networks: [harnessNetwork] });
    const old = await manager.running('old');
    manager.assign({ tasks: [harnessTask('old', { host: 7, desired: 'shutdown' })] });
    const stopped = await manager.ended('old');
    t.is(stopped.state, 'shutdown');
    manager.assign({ tasks: [harnessTask('new', { host: 8 })] });
    await manager.running('new');
    const aside = `${(old.containerId ?? '').slice(0, 12)}_demo-web-1 exited`;
    t.deepEqual(await containers(), [aside, 'demo-web-1 running'].sort());
    manager.withdraw({ tasks: ['old' as TaskId] });
    await waitFor('the old container to go', async () => (await containers()).length === 1);
  },
);

machineTest(
  'the next task of a slot can adopt the container of a halted task in that slot',
  async (t) => {
    const started = await workerMachine(t, lab);
    const { manager, docker, containers } = started;
    const options = { host: 7, container: always };
    manager.assign({ tasks: [harnessTask('a', options)], networks: [harnessNetwork] });
    await manager.running('a');
    await docker('exec', 'demo-web-1', 'touch', '/kept');
    manager.assign({ tasks: [harnessTask('a', { ...options, desired: 'shutdown' })] });
    const before = await manager.ended('a');
    const policy = ['inspect', '--format', '{{.HostConfig.RestartPolicy.Name}}', 'demo-web-1'];
    t.is(await docker(...policy), 'no', 'a restart policy would start it with the engine');
    manager.assign({ tasks: [harnessTask('b', { ...options, host: 9, adopts: 'a' })] });
    const after = await manager.running('b');
    t.is(after.containerId, before.containerId);
    t.is(await docker(...policy), 'always');
    manager.withdraw({ tasks: ['a' as TaskId] });
    await docker('exec', 'demo-web-1', 'test', '-e', '/kept');
    const addresses = await docker('exec', 'demo-web-1', 'ip', '-4', 'addr');
    t.true(addresses.includes('10.97.0.9/24'), addresses);
    const again = await started.restart();
    t.teardown(() => again.stop());
    await waitFor('the session', () => manager.connected);
    const kept = await manager.running('b');
    t.is(kept.containerId, after.containerId);
    manager.withdraw({ tasks: ['b' as TaskId] });
    await waitFor('the container to go', async () => (await containers()).length === 0);
  },
);

machineTest('a container that can write to a folder excludes bind mounts below it', async (t) => {
  const { manager, machine } = await workerMachine(t, lab);
  await machine.output(['mkdir', '-p', '/srv/shop/real']);
  const bound = (service: string, source: string) =>
    harnessTask(service, {
      service,
      container: {
        ...{ ...never, confinedTo: ['/srv/shop'] },
        mounts: [{ type: 'bind', source, target: '/data', readOnly: false, createHostPath: true }],
      },
    });
  manager.assign({ tasks: [bound('writer', '/srv/shop')] });
  await manager.running('writer');
  manager.assign({ tasks: [bound('nested', '/srv/shop/real'), bound('twin', '/srv/shop')] });
  const { state, error } = await manager.ended('nested');
  t.is(state, 'rejected');
  t.regex(error ?? '', /demo-writer-1 can write to \/srv\/shop above it/u);
  await manager.running('twin');
});
