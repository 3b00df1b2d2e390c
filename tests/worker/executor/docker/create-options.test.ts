import test from 'ava';
import { aService, aTask } from '../../../../fixtures/cluster/build.js';
import type { ContainerSpec } from '../../../../manager/common/model/container.js';
import type { Json, JsonObject } from '../../../../manager/common/model/meta.js';
import type { PortSpec } from '../../../../manager/common/model/service.js';
import type { AssignedTask } from '../../../../manager/common/protocol/assignments.js';
import {
  toCreateRequest,
  type CreateInputs,
} from '../../../../worker/executor/docker/create-options.js';
import { containerLabels } from '../../../../manager/common/model/container-labels.js';

function task(
  container: Partial<ContainerSpec> = {},
  ports: readonly PortSpec[] = [],
): AssignedTask {
  return aTask(aService('web', { task: { container, ports } }), 2, { id: 't1' });
}

function request(inputs: Partial<CreateInputs>): ReturnType<typeof toCreateRequest> {
  return toCreateRequest({
    task: task(),
    labels: {},
    attachments: [],
    files: [],
    apiMinor: 44,
    ...inputs,
  });
}

const host = (body: JsonObject): JsonObject => body.HostConfig as JsonObject;
const endpoints = (body: JsonObject): JsonObject =>
  (body.NetworkingConfig as JsonObject).EndpointsConfig as JsonObject;

const front = {
  engineNetwork: 'front',
  address: '10.0.0.2',
  mac: '02:42:0a:00:00:02',
  aliases: [],
};
const back = {
  engineNetwork: 'back',
  address: '10.1.0.2',
  mac: '02:42:0a:01:00:02',
  aliases: ['db'],
};

test('engines from API 1.44 get all networks at creation, each with address and MAC', (t) => {
  const { body, joinLater } = request({ attachments: [front, back], apiMinor: 44 });
  t.deepEqual(endpoints(body), {
    front: { IPAMConfig: { IPv4Address: '10.0.0.2' }, MacAddress: front.mac },
    back: { IPAMConfig: { IPv4Address: '10.1.0.2' }, MacAddress: back.mac, Aliases: ['db'] },
  });
  t.false('MacAddress' in body);
  t.deepEqual(joinLater, []);
  t.is(host(body).NetworkMode, 'front');
});

test('older engines get the first network and its MAC, the others are connected later', (t) => {
  const { body, joinLater } = request({ attachments: [front, back], apiMinor: 41 });
  t.deepEqual(endpoints(body), { front: { IPAMConfig: { IPv4Address: '10.0.0.2' } } });
  t.is(body.MacAddress, front.mac);
  t.deepEqual(joinLater, [back]);
});

test('ports are published as ephemeral, fixed, ranged, on one address and repeatedly', (t) => {
  const port = { protocol: 'tcp', mode: 'host' } as const;
  const { body } = request({
    task: task({}, [
      { ...port, target: 80 },
      { ...port, target: 81, published: 8081, hostIp: '127.0.0.1' },
      { ...port, target: 82, published: 9000, publishedEnd: 9010 },
      { ...port, target: 53, published: 53 },
      { ...port, target: 53, published: 53, protocol: 'udp' },
      { ...port, target: 53, published: 5353 },
    ]),
  });
  t.deepEqual(host(body).PortBindings, {
    '80/tcp': [{ HostIp: '', HostPort: '' }],
    '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '8081' }],
    '82/tcp': [{ HostIp: '', HostPort: '9000-9010' }],
    '53/tcp': [
      { HostIp: '', HostPort: '53' },
      { HostIp: '', HostPort: '5353' },
    ],
    '53/udp': [{ HostIp: '', HostPort: '53' }],
  });
  t.deepEqual(Object.keys(body.ExposedPorts as JsonObject), [
    '80/tcp',
    '81/tcp',
    '82/tcp',
    '53/tcp',
    '53/udp',
  ]);
});

test('options unknown to the cluster are passed through and never override its own', (t) => {
  const { body } = request({
    task: task({
      config: { User: '5', ExposedPorts: { '7/tcp': {} } },
      hostConfig: { CapAdd: ['NET_ADMIN'], NetworkMode: 'host' },
      env: { A: '1', GONE: null },
      command: [],
      engineRestart: { name: 'on-failure', maxRetries: 3 },
    }),
  });
  t.is(body.User, '5');
  t.deepEqual(body.Env, ['A=1', 'GONE']);
  t.deepEqual(body.Cmd, []);
  t.false('Entrypoint' in body);
  t.deepEqual(Object.keys(body.ExposedPorts as JsonObject), ['7/tcp']);
  t.deepEqual(host(body).CapAdd, ['NET_ADMIN']);
  t.is(host(body).NetworkMode, 'bridge');
  t.deepEqual(host(body).RestartPolicy, { Name: 'on-failure', MaximumRetryCount: 3 });
});

test('mounts and host files become mounts, and durations nanoseconds', (t) => {
  const { body } = request({
    task: task({
      mounts: [
        { type: 'volume', source: 'data', target: '/data', readOnly: false, noCopy: true },
        { type: 'bind', source: '/srv', target: '/srv', readOnly: true, createHostPath: true },
        { type: 'tmpfs', target: '/tmp', readOnly: false, sizeBytes: 64, mode: 0o1777 },
      ],
      healthcheck: { test: ['CMD', 'true'], intervalMs: 1500, startIntervalMs: 250 },
    }),
    files: [{ source: '/run/secret', target: '/run/secrets/s' }],
  });
  t.deepEqual(host(body).Mounts, [
    {
      Type: 'volume',
      Source: 'data',
      Target: '/data',
      ReadOnly: false,
      VolumeOptions: { NoCopy: true },
    },
    {
      Type: 'tmpfs',
      Target: '/tmp',
      ReadOnly: false,
      TmpfsOptions: { SizeBytes: 64, Mode: 0o1777 },
    },
    { Type: 'bind', Source: '/run/secret', Target: '/run/secrets/s', ReadOnly: true },
  ] as Json);
  t.deepEqual(host(body).Binds, ['/srv:/srv:ro']);
  t.deepEqual(body.Healthcheck, {
    Test: ['CMD', 'true'],
    Interval: 1_500_000_000,
    StartInterval: 250_000_000,
  });
});

test('the engine creates a missing host folder, also one that a bind text cannot name', (t) => {
  const bind = { type: 'bind', source: '/a:b', target: '/t', readOnly: false } as const;
  const plain = { Type: 'bind', Source: '/a:b', Target: '/t', ReadOnly: false };
  const mountsOf = (createHostPath: boolean, apiMinor: number) => {
    const { body } = request({
      task: task({ mounts: [{ ...bind, createHostPath }] }),
      apiMinor,
    });
    t.false('Binds' in host(body));
    return host(body).Mounts;
  };
  t.deepEqual(mountsOf(true, 42), [{ ...plain, BindOptions: { CreateMountpoint: true } }]);
  t.deepEqual(mountsOf(true, 41), [plain]);
  t.deepEqual(mountsOf(false, 42), [plain]);
  const { body } = request({
    task: task({ mounts: [{ ...bind, source: '/s', createHostPath: false }] }),
  });
  t.deepEqual(host(body).Mounts, [{ ...plain, Source: '/s' }]);
});

test('a volume subpath is rejected on engines that are too old', (t) => {
  const mount = {
    type: 'volume',
    source: 'data',
    target: '/d',
    readOnly: false,
    noCopy: false,
    subpath: 'a',
  } as const;
  t.throws(() => request({ task: task({ mounts: [mount] }), apiMinor: 41 }), {
    message: /^volume data: subpath requires an engine with API 1\.45/,
  });
});

test('a shared network namespace refers to the other container and has no hostname', (t) => {
  const sharer = task({ networkMode: { kind: 'service', service: 'vpn' }, hostname: 'x' });
  const { body } = request({ task: sharer, leaders: new Map([['vpn', 'abc']]) });
  t.is(host(body).NetworkMode, 'container:abc');
  t.false('Hostname' in body);
  t.false('Dns' in host(body));
  t.throws(() => request({ task: sharer }), {
    message: 'service vpn has no container on this node',
  });
});

test('SELinux-labelled mounts become binds, and unsupported mounts are rejected', (t) => {
  const bind = { type: 'bind', source: '/s', target: '/t', readOnly: true } as const;
  const { body } = request({
    task: task({
      mounts: [
        { ...bind, createHostPath: true, selinux: 'Z', propagation: 'rshared' },
        {
          ...bind,
          target: '/u',
          createHostPath: false,
          recursive: 'disabled',
          consistency: 'cached',
        },
      ],
    }),
  });
  t.deepEqual(host(body).Binds, ['/s:/t:ro,Z,rshared']);
  t.deepEqual(host(body).Mounts, [
    {
      Type: 'bind',
      Source: '/s',
      Target: '/u',
      ReadOnly: true,
      Consistency: 'cached',
      BindOptions: { NonRecursive: true },
    },
  ]);
  const image = { type: 'image', source: 'i', target: '/i' } as const;
  t.throws(() => request({ task: task({ mounts: [image] }), apiMinor: 45 }), {
    message: /^mount \/i: an image requires an engine with API 1\.48 \(Docker 28\)/,
  });
});

test('shared namespaces refer to the containers of the leaders', (t) => {
  const sharer = task({ ipcService: 'a', pidService: 'b' });
  const leaders = new Map([
    ['a', 'c-a'],
    ['b', 'c-b'],
  ]);
  t.like(host(request({ task: sharer, leaders }).body), {
    IpcMode: 'container:c-a',
    PidMode: 'container:c-b',
  });
});

test('containers have Compose and cluster labels, which users cannot override', (t) => {
  const labels = {
    mine: '1',
    'io.shoal.task': 'forged',
    'com.docker.compose.project.working_dir': '/x',
  };
  const got = containerLabels(task({ labels }), { clusterId: 'c1', nodeId: 'n1' }, 'sha256:1');
  t.like(got, {
    mine: '1',
    'io.shoal.task': 't1',
    'io.shoal.cluster': 'c1',
    'io.shoal.node': 'n1',
    'io.shoal.slot': '2',
    'com.docker.compose.project': 'demo',
    'com.docker.compose.service': 'web',
    'com.docker.compose.container-number': '2',
    'com.docker.compose.oneoff': 'False',
    'com.docker.compose.project.working_dir': '/x',
    'com.docker.compose.image': 'sha256:1',
  });
});

test('a stop timeout that is not set is left to the engine', (t) => {
  const { stopGraceMs: _default, ...container } = task().spec.container;
  const unset = { ...task(), spec: { ...task().spec, container } };
  t.false('StopTimeout' in request({ task: unset }).body);
  t.is(request({ task: task({ stopGraceMs: 1500 }) }).body.StopTimeout, 2);
});
