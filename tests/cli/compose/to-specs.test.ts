import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadProject, readContents } from '../../../cli/compose/load/load.js';
import { toSpecs } from '../../../cli/compose/to-specs.js';
import type { ProjectSpecs } from '../../../manager/common/protocol/project-calls.js';
import type { ServiceSpec } from '../../../manager/common/model/service.js';
import { taskHashOf } from '../../../manager/common/model/spec-hash.js';
import { messageOf } from '../../../manager/common/base/errors.js';

async function specsOf(t: ExecutionContext, text: string, env = {}): Promise<ProjectSpecs> {
  const folder = mkdtempSync(join(tmpdir(), 'to-specs-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  writeFileSync(join(folder, 'compose.yaml'), text);
  const { project } = await loadProject({ projectName: 'shop', env, cwd: folder });
  return toSpecs(project, readContents(project));
}

async function serviceOf(t: ExecutionContext, fields: string): Promise<ServiceSpec> {
  const specs = await specsOf(t, `services:\n  a:\n    image: x\n${indent(fields)}`);
  return onlyService(specs);
}

function onlyService({ services }: ProjectSpecs): ServiceSpec {
  const [service] = services;
  if (service === undefined) throw new Error('the project has no service');
  return service;
}

function indent(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((line) => `    ${line}\n`)
    .join('');
}

async function refusalOf(t: ExecutionContext, text: string): Promise<string> {
  const error = await t.throwsAsync(specsOf(t, text));
  return messageOf(error).replace(/^.*\/compose\.yaml/, 'compose.yaml');
}

test('names, labels and the engine restart policy of a service are those of docker compose', async (t) => {
  const spec = await serviceOf(t, 'labels: [own=1]\nrestart: on-failure:3');
  t.is(spec.name, 'shop_a');
  t.is(spec.service, 'a');
  t.deepEqual(spec.mode, { kind: 'replicated', replicas: 1 });
  const { container } = spec.task;
  t.like(container.labels, {
    own: '1',
    'com.docker.compose.project': 'shop',
    'com.docker.compose.service': 'a',
    'com.docker.compose.oneoff': 'False',
    'com.docker.compose.depends_on': '',
    'com.docker.compose.version': '2.40.3',
  });
  t.deepEqual(container.engineRestart, { name: 'on-failure', maxRetries: 3 });
  t.deepEqual(spec.task.networks, [{ network: 'shop_default', aliases: [] }]);
});

test('the config hash of a minimal service equals docker compose’s', async (t) => {
  const { configHash } = await serviceOf(t, '');
  t.is(configHash.slice(0, 8), 'd5457d0b');
});

test('an absent command keeps the image’s command, an empty one clears it', async (t) => {
  t.is((await serviceOf(t, '')).task.container.command, undefined);
  t.deepEqual((await serviceOf(t, 'command: []')).task.container.command, []);
});

test('deploy.restart_policy sets the orchestrator’s policy and disables the engine’s', async (t) => {
  const { task } = await serviceOf(
    t,
    'restart: always\ndeploy: {restart_policy: {condition: on-failure, delay: 2s}}',
  );
  t.deepEqual(task.container.engineRestart, { name: 'no' });
  t.deepEqual(task.restart, {
    condition: 'on-failure',
    delayMs: 2000,
    maxAttempts: 0,
    windowMs: 0,
  });
});

test('ports are published in host mode with ranges and addresses', async (t) => {
  const { task } = await serviceOf(t, 'ports: ["3000", "127.0.0.1:80:81/udp", "6000-6002:90"]');
  t.deepEqual(task.ports, [
    { target: 3000, protocol: 'tcp', mode: 'host' },
    { target: 81, protocol: 'udp', published: 80, hostIp: '127.0.0.1', mode: 'host' },
    { target: 90, protocol: 'tcp', published: 6000, publishedEnd: 6002, mode: 'host' },
  ]);
});

test('old and new forms of resources give the same limits and reservations', async (t) => {
  const wanted = {
    limits: { nanoCpus: 500_000_000, memoryBytes: 67_108_864 },
    reservations: { nanoCpus: 0, memoryBytes: 33_554_432 },
  };
  const old = await serviceOf(t, 'cpus: 0.5\nmem_limit: 64m\nmem_reservation: 32m');
  const now = await serviceOf(
    t,
    'deploy: {resources: {limits: {cpus: "0.5", memory: 64m}, reservations: {memory: 32m}}}',
  );
  t.deepEqual(old.task.resources, wanted);
  t.deepEqual(now.task.resources, wanted);
});

test('mounts keep their type, named volumes get their cluster name', async (t) => {
  const specs = await specsOf(
    t,
    'services: {a: {image: x, volumes: ["data:/d:ro", "/host:/h", "/anon"], tmpfs: ["/t:size=1m"]}}\nvolumes: {data: }',
  );
  const { container } = onlyService(specs).task;
  t.deepEqual(container.mounts, [
    { type: 'volume', source: 'shop_data', target: '/d', readOnly: true, noCopy: false },
    { type: 'bind', source: '/host', target: '/h', readOnly: false, createHostPath: true },
    { type: 'volume', target: '/anon', readOnly: false, noCopy: false },
  ]);
  t.deepEqual(container.hostConfig, { Tmpfs: { '/t': 'size=1m' } });
  t.deepEqual(
    specs.volumes.map(({ name, external }) => [name, external]),
    [['shop_data', false]],
  );
});

test('engine keys are mapped to the Engine API', async (t) => {
  const { task } = await serviceOf(
    t,
    `
cap_add: [NET_ADMIN]
privileged: true
devices: ["/dev/a:/dev/b:r"]
sysctls: {net.core.somaxconn: 1024}
ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}
logging: {driver: json-file, options: {max-size: 1m}}
read_only: true
shm_size: 64m
init: true
user: "1000"
working_dir: /w
expose: ["80", "90-91/udp"]
extra_hosts: ["h:1.2.3.4"]
`,
  );
  t.deepEqual(task.container.hostConfig, {
    CapAdd: ['NET_ADMIN'],
    Privileged: true,
    ReadonlyRootfs: true,
    Devices: [{ PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' }],
    Init: true,
    LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
    ShmSize: 67_108_864,
    Sysctls: { 'net.core.somaxconn': '1024' },
    Ulimits: [
      { Name: 'nofile', Soft: 1, Hard: 2 },
      { Name: 'nproc', Soft: 3, Hard: 3 },
    ],
  });
  t.deepEqual(task.container.config, {
    User: '1000',
    WorkingDir: '/w',
    ExposedPorts: { '80/tcp': {}, '90/udp': {}, '91/udp': {} },
  });
  t.deepEqual(task.container.extraHosts, ['h:1.2.3.4']);
});

test('links define an alias of the target on shared networks', async (t) => {
  const specs = await specsOf(
    t,
    'services: {db: {image: x, networks: [one, two]}, web: {image: y, links: ["db:store"], networks: [one]}}\nnetworks: {one: , two: }',
  );
  t.deepEqual(
    specs.services.map(({ service }) => service),
    ['db', 'web'],
  );
  t.deepEqual(specs.services[0]?.task.networks, [
    { network: 'shop_one', aliases: ['store'] },
    { network: 'shop_two', aliases: [] },
  ]);
  t.deepEqual(specs.services[1]?.dependsOn, [
    { service: 'db', condition: 'service_started', required: true, restart: true },
  ]);
});

test('shared namespaces and volumes refer to services by key', async (t) => {
  const text = `services:
  a:
    image: x
    network_mode: service:b
    ipc: service:b
    pid: container:shop-c-1
    volumes_from: ["b:ro", "container:data"]
  b: {image: y}
  c: {image: y}
  d: {image: y, container_name: data}`;
  const { services } = await specsOf(t, text);
  const [a, b] = ['a', 'b'].map((key) => services.find(({ service }) => service === key));
  t.like(a?.task.container, {
    networkMode: { kind: 'service', service: 'b' },
    ipcService: 'b',
    pidService: 'c',
    volumesFrom: [
      { service: 'b', readOnly: true },
      { service: 'd', readOnly: false },
    ],
  });
  t.deepEqual(a?.dependsOn.map(({ service, restart }) => `${service} ${String(restart)}`).sort(), [
    'b true',
    'c true',
    'd false',
  ]);
  t.deepEqual(b?.task.container.hostConfig, { IpcMode: 'shareable' });
});

test('all services of a pod get the number of replicas of the one that sets it', async (t) => {
  const file = (a: string, b: string) =>
    `services:\n  a: {image: x, network_mode: "service:b"${a}}\n  b: {image: y${b}}`;
  const counts = async (text: string) => (await specsOf(t, text)).services.map(({ mode }) => mode);
  const three = { kind: 'replicated', replicas: 3 } as const;
  t.deepEqual(await counts(file('', ', scale: 3')), [three, three]);
  t.deepEqual(await counts(file(', deploy: {replicas: 3}', '')), [three, three]);
  t.regex(
    await refusalOf(t, file(', scale: 2', ', scale: 3')),
    /^compose\.yaml:\d+:\d+: services\.\w\.scale: \d replicas differ from \d of service \w/,
  );
  t.regex(
    await refusalOf(t, file('', ', deploy: {mode: global}')),
    /mode (global|replicated) differs from mode (global|replicated) of service \w/,
  );
});

test('sharing with a container outside the project is refused', async (t) => {
  const text = 'services:\n  a: {image: x, pid: "container:other"}';
  t.regex(
    await refusalOf(t, text),
    /^compose\.yaml:2:\d+: services\.a\.pid: container "other" is not in this project/,
  );
});

test('hooks are translated with all fields', async (t) => {
  const { task } = await serviceOf(
    t,
    `post_start:
  - command: ["sh", "-c", "x"]
    user: root
    privileged: true
    working_dir: /w
    environment: [A=1]
pre_stop: [{command: bye now}]`,
  );
  t.deepEqual(task.container.postStart, [
    {
      command: ['sh', '-c', 'x'],
      user: 'root',
      privileged: true,
      workingDir: '/w',
      env: { A: '1' },
    },
  ]);
  t.deepEqual(task.container.preStop, [{ command: ['bye', 'now'], privileged: false, env: {} }]);
});

test('a job is retried until it succeeds and is not restarted after that', async (t) => {
  const job = await serviceOf(t, 'deploy: {mode: replicated-job, replicas: 2}');
  t.deepEqual(job.mode, { kind: 'replicated', replicas: 2, job: true });
  t.deepEqual(job.task.restart, {
    condition: 'on-failure',
    delayMs: 5000,
    maxAttempts: 0,
    windowMs: 0,
  });
  t.deepEqual(job.task.container.engineRestart, { name: 'no' });
  const once = await serviceOf(t, 'restart: "no"\ndeploy: {mode: global-job}');
  t.deepEqual(once.mode, { kind: 'global', job: true });
  t.is(once.task.restart?.condition, 'none');
  const thrice = await serviceOf(t, 'restart: on-failure:3\ndeploy: {mode: replicated-job}');
  t.is(thrice.task.restart?.maxAttempts, 3);
  t.regex(
    await refusalOf(t, 'services:\n  a: {image: x, restart: always, deploy: {mode: global-job}}'),
    /services\.a\.restart: "always" would restart a completed job/,
  );
});

test('changed content of a secret creates a new object and updates its services', async (t) => {
  const text = 'services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {environment: S}}';
  const [one, two] = [await specsOf(t, text, { S: 'one' }), await specsOf(t, text, { S: 'two' })];
  t.is(Buffer.from(one.secrets[0]?.data ?? '', 'base64').toString(), 'one');
  t.not(one.secrets[0]?.spec.name, two.secrets[0]?.spec.name);
  t.like(one.services[0]?.task.container.files[0], {
    kind: 'secret',
    source: one.secrets[0]?.spec.name,
    target: '/run/secrets/s',
    mode: 0o444,
  });
});

test('a secret from an unset variable is refused on load', async (t) => {
  const text = 'services: {a: {image: x, secrets: [s]}}\nsecrets:\n  s: {environment: NOPE}';
  t.is(
    await refusalOf(t, text),
    'compose.yaml:3:3: secrets.s: environment variable NOPE of secret s is not set; export it',
  );
});

test('moved files and changed dependencies do not change the task', async (t) => {
  const text = 'services: {a: {image: x, depends_on: [b]}, b: {image: y}}';
  const hashOf = (specs: ProjectSpecs): string | undefined =>
    specs.services.filter(({ service }) => service === 'a').map((spec) => taskHashOf(spec, 0))[0];
  const here = hashOf(await specsOf(t, text));
  t.is(hashOf(await specsOf(t, text)), here);
  t.is(hashOf(await specsOf(t, text.replace('depends_on: [b]', 'scale: 2'))), here);
  t.not(hashOf(await specsOf(t, text.replace('depends_on: [b]', 'labels: [l]'))), here);
});

test('services of inactive profiles are known and not orphans', async (t) => {
  const specs = await specsOf(t, 'services: {a: {image: x}, b: {image: y, profiles: [p]}}');
  t.deepEqual(
    specs.services.map(({ service }) => service),
    ['a'],
  );
  t.deepEqual(specs.known, ['a', 'b']);
});

const refusals: readonly (readonly [string, string])[] = [
  ['network_mode: container:x', 'services.a.network_mode: container "x" is not in this project'],
  [
    'mac_address: 03:42:ac:11:65:43',
    'services.a.mac_address: "03:42:ac:11:65:43" is not a unicast MAC address',
  ],
  ['external_links: [x]', 'services.a.external_links: not supported'],
  ['ipc: container:x', 'services.a.ipc: container "x" is not in this project'],
  ['uts: container:x', 'services.a.uts: container:x is not supported'],
  ['use_api_socket: true', 'services.a.use_api_socket: not supported'],
];

for (const [line, message] of refusals) {
  test(`${line} is refused with its place`, async (t) => {
    const got = await refusalOf(t, `services:\n  a:\n    image: x\n    ${line}\n`);
    t.regex(got, /^compose\.yaml:4:\d+: /);
    t.is(got.slice(got.indexOf('services.')).slice(0, message.length), message);
  });
}

test('an encrypted network is refused with its place in the file, one that is not is accepted', async (t) => {
  const withOption = (value: string): string =>
    `services:\n  a: {image: x, networks: [back]}\nnetworks:\n  back:\n    driver_opts:\n      encrypted: ${value}\n`;
  for (const value of ['"true"', '""', '"1"', 'yes'])
    t.regex(
      await refusalOf(t, withOption(value)),
      /^compose.yaml:6:\d+: networks.back.driver_opts.encrypted: is not supported: traffic between machines is not encrypted; remove the key/u,
    );
  await t.notThrowsAsync(specsOf(t, withOption('"false"')));
});
