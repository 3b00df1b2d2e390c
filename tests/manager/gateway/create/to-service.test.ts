import test from 'ava';
import { composeLabels } from '../../../helpers/stores/compose-containers.js';
import { decodeCreateBody } from '../../../../manager/gateway/create/create-body.js';
import type { CreatePlan } from '../../../../manager/gateway/create/to-service.js';
import { restartOf, toService } from '../../../../manager/gateway/create/to-service.js';
import type { StoreView } from '../../../../manager/store/store.js';

/** A cluster without containers, with the networks of these names. */
function aView(...networks: readonly string[]): StoreView {
  const all = networks.map((name) => ({ id: `id-${name}`, spec: { name } }));
  return {
    list: (table: string) => (table === 'networks' ? all : []),
    networkByName: (name: string) => all.find(({ spec }) => spec.name === name),
    get: () => undefined,
    tasksOfContainer: () => [],
    tasksOfContainerName: () => [],
  } as unknown as StoreView;
}

function plan(body: object, view = aView()): CreatePlan {
  return toService({ body: decodeCreateBody({ Image: 'busybox', ...body }), name: 'web' }, view);
}

test('a container becomes a held service of one slot with the engine restarting it', (t) => {
  const { spec, volumes } = plan({ Cmd: ['true'], HostConfig: { AutoRemove: true } });
  t.like(spec, {
    ...{ name: 'docker_web', project: 'docker', service: 'web', held: true, halted: false },
    mode: { kind: 'replicated', replicas: 1 },
  });
  t.like(spec.task.container, {
    ...{ origin: { autoRemove: true }, image: 'busybox', command: ['true'] },
    ...{ containerName: 'web', engineRestart: { name: 'no' }, networkMode: { kind: 'networks' } },
  });
  t.deepEqual(volumes, []);
});

test("docker compose's project label is the project", (t) => {
  const { spec } = plan({ Labels: { 'com.docker.compose.project': 'shop' } });
  t.is(spec.project, 'shop');
  t.is(spec.name, 'shop_web');
});

test("docker compose's labels make the container one of its service", (t) => {
  const { spec } = plan({ Labels: composeLabels(2, 'hash') });
  t.like(spec, { project: 'demo', service: 'api', name: 'demo_web', configHash: 'hash' });
});

test('an unset command inherits the image, an empty entrypoint clears it, one word is a list', (t) => {
  t.false('command' in plan({ Cmd: null }).spec.task.container);
  t.deepEqual(plan({ Entrypoint: [''] }).spec.task.container.entrypoint, ['']);
  t.deepEqual(plan({ Cmd: 'date' }).spec.task.container.command, ['date']);
});

test('variables keep equals signs; one without a value removes it', (t) => {
  const { env } = plan({ Env: ['A=b=c', 'GONE', 'A2='] }).spec.task.container;
  t.deepEqual(env, { A: 'b=c', GONE: null, A2: '' });
  t.throws(() => plan({ Env: ['=x'] }), { message: /invalid environment variable: =x/u });
});

test('fields that only the engine reads pass through unchanged', (t) => {
  const { config, hostConfig } = plan({
    ...{ User: '1000', WorkingDir: '/app', StdinOnce: true, Volumes: { '/data': {} } },
    HostConfig: { CapAdd: ['NET_ADMIN'], Memory: 7, LogConfig: { Type: 'none' } },
  }).spec.task.container;
  t.deepEqual(config, {
    ...{ User: '1000', WorkingDir: '/app', StdinOnce: true, Volumes: { '/data': {} } },
  });
  t.deepEqual(hostConfig, { CapAdd: ['NET_ADMIN'], LogConfig: { Type: 'none' } });
});

test('fields that no engine knows are ignored, known ones without support are refused', (t) => {
  const { config, hostConfig } = plan({ Nonsense: 1, HostConfig: { Nonsense: 1, Init: true } }).spec
    .task.container;
  t.deepEqual(config, {});
  t.deepEqual(hostConfig, { Init: true });
  for (const IPAMConfig of [{ IPv6Address: 'fd00::2' }, { LinkLocalIPs: ['169.254.1.1'] }]) {
    const endpoints = { EndpointsConfig: { front: { IPAMConfig } } };
    const [option = ''] = Object.keys(IPAMConfig);
    t.throws(() => plan({ NetworkingConfig: endpoints }, aView('front')), {
      message: `${option}: not supported on network front`,
    });
  }
});

test('a stop timeout that the client leaves out stays unset', (t) => {
  t.false('stopGraceMs' in plan({}).spec.task.container);
  t.is(plan({ StopTimeout: 3 }).spec.task.container.stopGraceMs, 3000);
});

test('limits and reservations: 0 means none', (t) => {
  const none = plan({ HostConfig: { NanoCpus: 0, Memory: 0, PidsLimit: 0 } }).spec.task.resources;
  t.deepEqual(none, { limits: {}, reservations: { nanoCpus: 0, memoryBytes: 0 } });
  const host = { NanoCpus: 5e8, Memory: 100, MemoryReservation: 50, PidsLimit: -1 };
  t.deepEqual(plan({ HostConfig: host }).spec.task.resources, {
    limits: { nanoCpus: 5e8, memoryBytes: 100, pids: -1 },
    reservations: { nanoCpus: 0, memoryBytes: 50 },
  });
});

test('a health check is in milliseconds; absent times stay absent', (t) => {
  const check = { Test: ['CMD', 'true'], Interval: 5e9, Timeout: 0, Retries: 3 };
  t.deepEqual(plan({ Healthcheck: check }).spec.task.container.healthcheck, {
    ...{ test: ['CMD', 'true'], intervalMs: 5000, retries: 3 },
  });
});

test('networks keep aliases and addresses, the network mode comes first', (t) => {
  const body = {
    HostConfig: { NetworkMode: 'front' },
    NetworkingConfig: {
      EndpointsConfig: {
        back: { Aliases: ['db'], IPAMConfig: { IPv4Address: '10.1.2.3' } },
        front: null,
      },
    },
  };
  t.deepEqual(plan(body, aView('front', 'back')).spec.task.networks, [
    { network: 'front', aliases: [] },
    { network: 'back', aliases: ['db'], ipv4Address: '10.1.2.3' },
  ]);
});

test("the engine's own networks are no attachment", (t) => {
  const bridge = { NetworkingConfig: { EndpointsConfig: { default: {} } } };
  t.deepEqual(plan(bridge).spec.task.networks, []);
  const host = plan({ HostConfig: { NetworkMode: 'host' } }).spec.task;
  t.deepEqual(host.container.networkMode, { kind: 'host' });
});

test('an unknown network and an unknown container are not found', (t) => {
  const network = { HostConfig: { NetworkMode: 'nosuch' } };
  t.throws(() => plan(network), { message: 'network nosuch not found' });
  for (const host of [
    { NetworkMode: 'container:nosuch' },
    { IpcMode: 'container:nosuch' },
    { VolumesFrom: ['nosuch:ro'] },
    { Links: ['nosuch:db'] },
  ]) {
    t.throws(() => plan({ HostConfig: host }), { message: 'No such container: nosuch' });
  }
});

test('a mistyped field is refused by name', (t) => {
  t.throws(() => plan({ HostConfig: { Memory: 'much' } }), { message: /HostConfig\.Memory/u });
  t.throws(() => decodeCreateBody([]), { message: /must be an object/u });
  t.throws(() => plan({ Image: '' }), { message: 'no image specified' });
});

test('restart policies are checked as the engine does', (t) => {
  t.deepEqual(restartOf({}), { name: 'no' });
  t.deepEqual(restartOf({ RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } }), {
    ...{ name: 'on-failure', maxRetries: 3 },
  });
  t.throws(() => restartOf({ RestartPolicy: { Name: 'often' } }), { message: /'often'/u });
  t.throws(() => restartOf({ RestartPolicy: { Name: 'always', MaximumRetryCount: 1 } }));
  t.throws(() => restartOf({ AutoRemove: true, RestartPolicy: { Name: 'always' } }), {
    message: /AutoRemove/u,
  });
});

test('the variables of classic Swarm are labels, not variables', (t) => {
  const { container } = plan({ Env: ['A=b', 'constraint:node==n1'], Labels: { x: 'y' } }).spec.task;
  t.deepEqual(container.env, { A: 'b' });
  t.deepEqual(container.labels, { x: 'y', 'com.docker.swarm.constraints': '["node==n1"]' });
});
