import { existsSync } from 'node:fs';
import test from 'ava';
import { openLab } from '../../fixtures/lab/lab.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import { encodeStreamFrame, decodeStreamFrame } from '../../manager/common/protocol/frames.js';
import type { ExecOptions, LogLine } from '../../manager/common/protocol/worker-calls.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { harnessNetwork, harnessTask } from '../helpers/lab/worker-harness.js';
import { workerMachine } from '../helpers/lab/worker-machine.js';

const lab = openLab({ name: 'worklife', subnet: '10.98.84' });

test.before(async () => {
  if (process.getuid?.() === 0) await lab.down();
});
test.after.always(async () => {
  if (process.getuid?.() === 0) await lab.down();
});

const always = { engineRestart: { name: 'always' } } as const;
const never = { engineRestart: { name: 'no' } } as const;

machineTest(
  'after an engine crash, running tasks restart and ended ones are reported',
  async (t) => {
    const { manager, machine, docker } = await workerMachine(t, lab);
    manager.assign({
      tasks: [
        harnessTask('kept', { service: 'kept', host: 7, container: always }),
        harnessTask('once', { service: 'once', container: never }),
        harnessTask('halted', { service: 'halted', container: always }),
      ],
      networks: [harnessNetwork],
    });
    const kept = await manager.running('kept');
    await Promise.all([manager.running('once'), manager.running('halted')]);
    manager.assign({
      tasks: [harnessTask('halted', { service: 'halted', container: always, desired: 'shutdown' })],
    });
    await manager.ended('halted');
    await machine.output(['systemctl', 'kill', '--signal=KILL', 'docker.service']);
    await manager.until(
      'kept',
      'running again',
      (status) => (status.startedAt ?? 0) > (kept.startedAt ?? 0),
      60_000,
    );
    const once = await manager.ended('once');
    t.is(once.state, 'failed');
    t.is(manager.status('halted')?.state, 'shutdown');
    await waitFor('the halted task to be stopped', async () => {
      const state = await docker('inspect', '--format', '{{.State.Status}}', 'demo-halted-1');
      return state === 'exited';
    });
    const addresses = await docker('exec', 'demo-kept-1', 'ip', '-4', 'addr');
    t.true(addresses.includes('10.97.0.7/24'), addresses);
  },
);

machineTest(
  'a restarted worker keeps its containers running, with and without a manager',
  async (t) => {
    const started = await workerMachine(t, lab);
    const { manager, docker } = started;
    manager.assign({ tasks: [harnessTask('t1', { host: 7 })], networks: [harnessNetwork] });
    const before = await manager.running('t1');
    manager.reachable = false;
    manager.drop();
    const second = await started.restart();
    t.teardown(() => second.stop());
    await docker('stop', '--time', '1', 'demo-web-1');
    await waitFor('the container to run again', async () => {
      const state = await docker('inspect', '--format', '{{.State.Status}}', 'demo-web-1');
      return state === 'running';
    });
    const history = manager.history.length;
    manager.reachable = true;
    await waitFor('the session', () => manager.connected);
    const after = await manager.until(
      't1',
      'restarted',
      (status) => (status.startedAt ?? 0) > (before.startedAt ?? 0),
    );
    t.is(after.containerId, before.containerId);
    t.true(manager.history.slice(history).every(({ status }) => status.state === 'running'));
  },
);

machineTest(
  'a full assignment set removes stray containers and leaves foreign containers',
  async (t) => {
    const started = await workerMachine(t, lab);
    const { manager, docker, containers } = started;
    await docker('run', '--detach', '--name', 'foreign', 'shoal-test/busybox', 'sleep', '600');
    manager.assign({
      tasks: [harnessTask('t1', { host: 7 }), harnessTask('t2', { host: 8, slot: 2 })],
      networks: [harnessNetwork],
    });
    await Promise.all([manager.running('t1'), manager.running('t2')]);
    manager.drop();
    manager.assigned.tasks.delete('t2' as TaskId);
    await waitFor('the stray to go', async () => {
      const left = await containers();
      return left.length === 2 && left.includes('demo-web-1 running');
    });
    t.deepEqual(await containers(), ['demo-web-1 running', 'foreign running']);
  },
);

machineTest(
  'the final status of a task survives a worker restart, even without a container',
  async (t) => {
    const started = await workerMachine(t, lab);
    const { manager } = started;
    const container = { image: 'shoal-test/absent:1', pullPolicy: 'never' } as const;
    manager.assign({ tasks: [harnessTask('t1', { container })] });
    const ended = await manager.ended('t1');
    const second = await started.restart();
    t.teardown(() => second.stop());
    await waitFor(
      'the second hello',
      () => manager.received.filter((m) => m.kind === 'hello').length > 1,
    );
    await waitFor('the session', () => manager.connected);
    t.deepEqual(manager.status('t1'), ended);
  },
);

machineTest('health is reported, and secrets and configs are files with their mode', async (t) => {
  const { manager, docker, containers, settings } = await workerMachine(t, lab);
  const task = harnessTask('t1', {
    container: {
      healthcheck: { test: ['CMD', 'test', '!', '-e', '/sick'], intervalMs: 200, retries: 1 },
      files: [
        {
          kind: 'secret',
          source: 's1',
          target: '/run/secrets/s1',
          uid: '5',
          gid: '6',
          mode: 0o440,
        },
        { kind: 'config', source: 'c1', target: '/etc/c1', uid: '0', gid: '0', mode: 0o444 },
      ],
    },
  });
  const encoded = (text: string): string => Buffer.from(text).toString('base64');
  manager.assign({
    tasks: [task],
    files: [
      { id: 'f1' as never, kind: 'secret', name: 's1', data: encoded('hush') },
      { id: 'f2' as never, kind: 'config', name: 'c1', data: encoded('plain') },
    ],
  });
  await manager.until('t1', 'healthy', (status) => status.health === 'healthy');
  t.is(
    manager.history.find(({ status }) => status.startedAt !== undefined)?.status.health,
    'starting',
  );
  t.is(await docker('exec', 'demo-web-1', 'cat', '/run/secrets/s1', '/etc/c1'), 'hushplain');
  t.is(await docker('exec', 'demo-web-1', 'stat', '-c', '%a %u %g', '/run/secrets/s1'), '440 5 6');
  t.false((await docker('inspect', 'demo-web-1')).includes('hush'));
  await docker('exec', 'demo-web-1', 'touch', '/sick');
  await manager.until('t1', 'unhealthy', (status) => status.health === 'unhealthy');
  manager.withdraw({ tasks: ['t1' as TaskId] });
  await waitFor('the container to go', async () => (await containers()).length === 0);
  await waitFor('its files to go', () => !existsSync(`${settings.secretsDir}/t1`));
});

machineTest('volumes are created, and ports chosen by the engine are reported', async (t) => {
  const { manager, docker } = await workerMachine(t, lab);
  const volume = {
    name: 'demo_data',
    project: 'demo',
    key: 'data',
    driver: 'local',
    driverOpts: {},
    labels: {},
    external: false,
  };
  const mount = { type: 'volume', target: '/data', readOnly: false, noCopy: false } as const;
  manager.assign({
    tasks: [
      harnessTask('t1', {
        host: 7,
        ports: [{ target: 80, protocol: 'tcp', mode: 'host' }],
        container: { mounts: [{ ...mount, source: 'demo_data' }] },
      }),
    ],
    networks: [harnessNetwork],
    volumes: [volume],
  });
  const status = await manager.running('t1');
  t.is(status.ports?.length, 1);
  t.is(status.ports?.[0]?.target, 80);
  t.true((status.ports?.[0]?.published ?? 0) > 1024);
  const volumes = await manager.call({ name: 'listVolumes', args: {} });
  t.deepEqual(
    (volumes as { name: string }[]).map(({ name }) => name),
    ['demo_data'],
  );
  manager.withdraw({ tasks: ['t1' as TaskId] });
  await waitFor('the volume to be free', async () => {
    await manager.call({ name: 'removeVolume', args: { name: 'demo_data' } });
    return true;
  });
  t.is(await docker('volume', 'ls', '--quiet'), '');
});

machineTest(
  'a task that shares the network namespace of another waits until that one runs',
  async (t) => {
    const { manager, docker } = await workerMachine(t, lab);
    const follower = harnessTask('t2', {
      service: 'side',
      container: { networkMode: { kind: 'service', service: 'web' } },
    });
    manager.assign({ tasks: [follower] });
    await manager.until('t2', 'prepared', (status) => status.message === 'image ready');
    manager.assign({ tasks: [harnessTask('t1', { host: 7 })], networks: [harnessNetwork] });
    await manager.running('t2');
    const addresses = await docker('exec', 'demo-side-1', 'ip', '-4', 'addr');
    t.true(addresses.includes('10.97.0.7/24'), addresses);
  },
);

machineTest('a followed log continues over container restarts, each line once', async (t) => {
  const { manager } = await workerMachine(t, lab);
  const script = 'i=0; while [ $i -lt 50 ]; do echo "line $i"; i=$((i+1)); done; sleep 600';
  manager.assign({ tasks: [harnessTask('t1', { container: { command: ['sh', '-c', script] } })] });
  await manager.running('t1');
  const options = { follow: true } as const;
  const log = await manager.open('s1', { kind: 'logs', taskId: 't1' as TaskId, options });
  const texts: string[] = [];
  const reading = (async () => {
    for await (const message of log) {
      texts.push(...(JSON.parse(String(message)) as LogLine[]).map(({ text }) => text));
    }
  })();
  const all = Array.from({ length: 50 }, (_, index) => `line ${String(index)}`);
  await waitFor('the first lines', () => texts.length >= 50);
  await manager.call({ name: 'restart', args: { taskId: 't1' as TaskId, timeoutMs: 0 } });
  await waitFor('the lines of the second run', () => texts.length >= 100);
  t.deepEqual(texts, [...all, ...all]);
  const tail = await manager.open('s2', {
    kind: 'logs',
    taskId: 't1' as TaskId,
    options: { follow: false, tail: 2 },
  });
  const last: string[] = [];
  for await (const message of tail) {
    last.push(...(JSON.parse(String(message)) as LogLine[]).map(({ text }) => text));
  }
  t.deepEqual(last, ['line 48', 'line 49']);
  manager.withdraw({ tasks: ['t1' as TaskId] });
  await reading;
});

machineTest(
  'exec carries input, both outputs and the exit code, with and without a terminal',
  async (t) => {
    const { manager } = await workerMachine(t, lab);
    manager.assign({ tasks: [harnessTask('t1')] });
    await manager.running('t1');
    const exec = async (
      streamId: string,
      command: readonly string[],
      changes: Partial<ExecOptions>,
      input?: string,
    ): Promise<Record<string, string>> => {
      const stream = await manager.open(streamId, {
        kind: 'exec',
        taskId: 't1' as TaskId,
        options: {
          command,
          env: ['GREETING=hello'],
          privileged: false,
          tty: false,
          stdin: input !== undefined,
          detach: false,
          ...changes,
        },
      });
      if (input !== undefined) {
        await stream.send(encodeStreamFrame('stdin', input));
        await stream.send(encodeStreamFrame('stdin', ''));
      }
      const output: Record<string, string> = {};
      for await (const message of stream) {
        const part = decodeStreamFrame(message as Uint8Array);
        if (part === undefined) continue;
        output[part.channel] = (output[part.channel] ?? '') + Buffer.from(part.data).toString();
      }
      return output;
    };
    const script = 'echo $GREETING; echo oops >&2; exit 7';
    t.deepEqual(await exec('e1', ['sh', '-c', script], {}), {
      stdout: 'hello\n',
      stderr: 'oops\n',
      exit: '7',
    });
    t.deepEqual(await exec('e2', ['cat'], {}, 'through and back'), {
      stdout: 'through and back',
      exit: '0',
    });
    const size = await exec('e3', ['sh', '-c', 'sleep 0.2; stty size'], {
      tty: true,
      columns: 91,
      rows: 33,
    });
    t.deepEqual(size, { stdout: '33 91\r\n', exit: '0' });
    const absent = await exec('e4', ['/absent'], {});
    t.regex(absent.exit ?? '', /^12[67]$/);
  },
);

machineTest('twenty containers start together, and withdrawn tasks stop gracefully', async (t) => {
  const { manager, containers } = await workerMachine(t, lab);
  const tasks = Array.from({ length: 20 }, (_, index) =>
    harnessTask(`t${String(index)}`, { slot: index + 1, host: index + 2 }),
  );
  const since = performance.now();
  manager.assign({ tasks, networks: [harnessNetwork] });
  await Promise.all(tasks.map((task) => manager.running(task.id, 60_000)));
  t.log(`20 containers after ${(performance.now() - since).toFixed(0)} ms`);
  manager.withdraw({ tasks: tasks.map((task) => task.id), networks: [harnessNetwork.id] });
  await waitFor('all containers to go', async () => (await containers()).length === 0);
  await waitFor('the network to go', () => manager.networks.length === 0);
  t.deepEqual(await containers(), []);
});
