import test from 'ava';
import {
  fileWith,
  loadFiles,
  refusalOf,
  serviceWith,
  specsOf,
} from '../../../helpers/compose/load-files.js';

test('a service without keys has the defaults of Compose', (t) => {
  const { container, ...task } = serviceWith(t, '').task;
  t.deepEqual(task.ports, []);
  t.deepEqual(task.placement, { constraints: [], preferences: [], maxReplicasPerNode: 0 });
  t.deepEqual(task.resources, {
    limits: {},
    reservations: { nanoCpus: 0, memoryBytes: 0 },
  });
  t.like(container, {
    image: 'x',
    pullPolicy: 'missing',
    env: {},
    engineRestart: { name: 'no' },
    networkMode: { kind: 'networks' },
    stopGraceMs: 10_000,
    tty: false,
    stdinOpen: false,
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [],
    files: [],
    mounts: [],
  });
  for (const key of ['healthcheck', 'postStart', 'preStop', 'volumesFrom', 'command', 'hostname'])
    t.false(key in container);
  t.false('restart' in task);
});

test('keys of the container keep their values', (t) => {
  const { container } = serviceWith(
    t,
    `platform: linux/arm64, command: [run], entrypoint: [/e], hostname: h, container_name: own,
     stop_signal: SIGINT, stop_grace_period: 1m, tty: true, stdin_open: true, dns: [10.0.0.1],
     dns_search: [corp], dns_opt: [ndots:1], extra_hosts: ["db=10.0.0.2"], environment: {A: b}`,
  ).task;
  t.like(container, {
    platform: 'linux/arm64',
    command: ['run'],
    entrypoint: ['/e'],
    hostname: 'h',
    containerName: 'own',
    stopSignal: 'SIGINT',
    stopGraceMs: 60_000,
    tty: true,
    stdinOpen: true,
    dns: ['10.0.0.1'],
    dnsSearch: ['corp'],
    dnsOptions: ['ndots:1'],
    extraHosts: ['db:10.0.0.2'],
    env: { A: 'b' },
  });
  const off = serviceWith(t, 'tty: false, stdin_open: false').task.container;
  t.false(off.tty || off.stdinOpen);
});

test('keys that a cluster cannot honour are refused with the reason', (t) => {
  const reason = (keys: string): string => refusalOf(t, { 'compose.yaml': fileWith(keys) });
  t.regex(
    reason('external_links: [a]'),
    /^compose\.yaml:2:\d+: services\.a\.external_links: not supported: containers outside the project/u,
  );
  t.regex(reason('use_api_socket: true'), /services\.a\.use_api_socket: not supported: /u);
  t.regex(
    reason(
      'deploy: {resources: {reservations: {generic_resources: [{discrete_resource_spec: {kind: g, value: 1}}]}}}',
    ),
    /services\.a\.deploy\.resources\.reservations\.generic_resources: not supported; use placement constraints/u,
  );
  t.is(reason('deploy: {resources: {reservations: {memory: 1g}}}'), '');
});

test('the pull policy of a task is always, never or missing', (t) => {
  const policy = (keys: string) => serviceWith(t, keys).task.container.pullPolicy;
  t.is(policy('pull_policy: always'), 'always');
  t.is(policy('pull_policy: never'), 'never');
  for (const other of ['missing', 'if_not_present', 'daily', 'every_12h', 'build'])
    t.is(policy(`pull_policy: ${other}`), 'missing');
  t.is(policy('build: {context: .}'), 'missing', 'a built image with a name may be in a registry');
  const [built] = specsOf(t, 'services:\n  a: {build: {context: .}}\n').services;
  t.is(built?.task.container.pullPolicy, 'never', 'no registry has the default name');
});

test('a health check has its times in ms, and can be disabled', (t) => {
  const check = (keys: string) =>
    serviceWith(t, `healthcheck: {${keys}}`).task.container.healthcheck;
  t.deepEqual(
    check(
      'test: [CMD, x], interval: 1s, timeout: 2s, start_period: 3s, start_interval: 500ms, retries: 4',
    ),
    {
      test: ['CMD', 'x'],
      intervalMs: 1_000,
      timeoutMs: 2_000,
      startPeriodMs: 3_000,
      startIntervalMs: 500,
      retries: 4,
    },
  );
  t.deepEqual(check('test: x'), { test: ['CMD-SHELL', 'x'] });
  t.deepEqual(check('disable: true, interval: 1s'), { test: ['NONE'] });
  t.deepEqual(check('disable: false, test: [CMD, x]'), { test: ['CMD', 'x'] });
});

test('hooks have a command, a user, a folder and an environment', (t) => {
  const { container } = serviceWith(
    t,
    `post_start: [{command: [a], user: u, privileged: true, working_dir: /w, environment: {A: b}}],
     pre_stop: [{command: b}]`,
  ).task;
  t.deepEqual(container.postStart, [
    { command: ['a'], user: 'u', privileged: true, workingDir: '/w', env: { A: 'b' } },
  ]);
  t.deepEqual(container.preStop, [{ command: ['b'], privileged: false, env: {} }]);
});

test('restart is the policy of the engine, deploy.restart_policy that of the orchestrator', (t) => {
  const engine = (keys: string) => serviceWith(t, keys).task.container.engineRestart;
  for (const name of ['no', 'always', 'unless-stopped', 'on-failure'] as const)
    t.deepEqual(engine(`restart: "${name}"`), { name });
  t.deepEqual(engine('restart: "on-failure:5"'), { name: 'on-failure', maxRetries: 5 });
  const both = serviceWith(t, 'restart: always, deploy: {restart_policy: {condition: any}}').task;
  t.deepEqual(both.container.engineRestart, { name: 'no' });
  t.deepEqual(both.restart, { condition: 'any', delayMs: 5_000, maxAttempts: 0, windowMs: 0 });
  const job = serviceWith(t, 'restart: on-failure, deploy: {mode: replicated-job}').task;
  t.deepEqual(job.container.engineRestart, { name: 'no' });
  t.deepEqual(
    serviceWith(
      t,
      'deploy: {restart_policy: {condition: on-failure, delay: 1s, max_attempts: 3, window: 2s}}',
    ).task.restart,
    { condition: 'on-failure', delayMs: 1_000, maxAttempts: 3, windowMs: 2_000 },
  );
});

test('an unknown restart policy is refused', (t) => {
  for (const restart of ['sometimes', 'always:3', 'on-failure:x', 'no:1', 'xalways']) {
    t.regex(
      refusalOf(t, { 'compose.yaml': fileWith(`restart: "${restart}"`) }),
      /services\.a\.restart: .*restart|services\.a\.restart: "/u,
      `restart ${restart}`,
    );
  }
});

test('updates and rollbacks have the defaults of swarm', (t) => {
  const plain = serviceWith(t, 'deploy: {update_config: {}, rollback_config: {}}');
  const defaults = {
    parallelism: 1,
    delayMs: 0,
    failureAction: 'pause',
    monitorMs: 5_000,
    maxFailureRatio: 0,
    order: 'stop-first',
  };
  t.deepEqual(plain.update, defaults as never);
  t.deepEqual(plain.rollback, defaults as never);
  const full =
    'parallelism: 0, delay: 1s, failure_action: continue, monitor: 2s, max_failure_ratio: 0.5, order: start-first';
  const set = serviceWith(t, `deploy: {update_config: {${full}}}`);
  t.deepEqual(set.update, {
    parallelism: 0,
    delayMs: 1_000,
    failureAction: 'continue',
    monitorMs: 2_000,
    maxFailureRatio: 0.5,
    order: 'start-first',
  });
  t.false('rollback' in set);
  t.false('update' in serviceWith(t, ''));
});

test('ports are host ports, fixed, in a range or chosen by the engine', (t) => {
  const ports = (text: string) => serviceWith(t, `ports: [${text}]`).task.ports;
  t.deepEqual(ports('"80"'), [{ target: 80, protocol: 'tcp', mode: 'host' }]);
  t.deepEqual(ports('"127.0.0.1:8080:80/udp"'), [
    { target: 80, protocol: 'udp', published: 8080, hostIp: '127.0.0.1', mode: 'host' },
  ]);
  t.deepEqual(ports('"8000-8010:80"'), [
    { target: 80, protocol: 'tcp', published: 8000, publishedEnd: 8010, mode: 'host' },
  ]);
  t.deepEqual(ports('{target: 80, published: "0"}'), [
    { target: 80, protocol: 'tcp', mode: 'host' },
  ]);
  t.deepEqual(ports('{target: 80, protocol: UDP, mode: ingress}'), [
    { target: 80, protocol: 'udp', mode: 'host' },
  ]);
});

test('placement and resources come from deploy, limits also from the service', (t) => {
  const { placement, resources } = serviceWith(
    t,
    `deploy: {
       placement: {constraints: [node.role == worker], preferences: [{spread: node.labels.zone}], max_replicas_per_node: 2},
       resources: {limits: {cpus: "0.5", memory: 64m, pids: 9}, reservations: {cpus: "0.25", memory: 32m}}}`,
  ).task;
  t.deepEqual(placement, {
    constraints: ['node.role == worker'],
    preferences: ['node.labels.zone'],
    maxReplicasPerNode: 2,
  });
  t.deepEqual(resources, {
    limits: { nanoCpus: 500_000_000, memoryBytes: 64 * 2 ** 20, pids: 9 },
    reservations: { nanoCpus: 250_000_000, memoryBytes: 32 * 2 ** 20 },
  });
  t.deepEqual(
    serviceWith(t, 'cpus: 1.5, mem_limit: 10m, pids_limit: 7, mem_reservation: 5m').task.resources,
    {
      limits: { nanoCpus: 1_500_000_000, memoryBytes: 10 * 2 ** 20, pids: 7 },
      reservations: { nanoCpus: 0, memoryBytes: 5 * 2 ** 20 },
    },
  );
});

test('dependencies keep their condition, and those of shared namespaces follow', (t) => {
  const { dependsOn } = serviceWith(
    t,
    'depends_on: {b: {condition: service_healthy, restart: true, required: false}, c: {condition: service_started}}, network_mode: "container:shop-d-1"',
    '  b: {image: x, healthcheck: {test: x}}\n  c: {image: x}\n  d: {image: x}\n',
  );
  t.deepEqual(dependsOn, [
    { service: 'b', condition: 'service_healthy', required: false, restart: true },
    { service: 'c', condition: 'service_started', required: true, restart: false },
    { service: 'd', condition: 'service_started', required: true, restart: true },
  ]);
});

test('a service has its labels, its endpoint mode and the hash of docker compose', (t) => {
  const spec = serviceWith(t, 'deploy: {labels: {l: v}, endpoint_mode: vip}');
  t.like(spec, {
    name: 'shop_a',
    project: 'shop',
    service: 'a',
    labels: { l: 'v' },
    endpointMode: 'vip',
    halted: false,
  });
  t.regex(spec.configHash, /^[0-9a-f]{64}$/u);
  t.not(serviceWith(t, 'tty: true').configHash, serviceWith(t, '').configHash);
  t.is(serviceWith(t, 'deploy: {endpoint_mode: dnsrr}').endpointMode, 'dnsrr');
  t.is(serviceWith(t, '').endpointMode, 'dnsrr');
});

test('labels of label files come below those of the service, sorted', (t) => {
  const { project } = loadFiles(t, {
    'compose.yaml': fileWith('labels: {b: own, c: own}, label_file: [one, two]'),
    one: 'a=1\nb=1\n',
    two: 'a=2\n',
  });
  const { a } = project.services;
  t.deepEqual(Object.entries(a?.labels ?? {}), [
    ['a', '2'],
    ['b', 'own'],
    ['c', 'own'],
  ]);
  t.false('label_file' in (a ?? {}));
  t.regex(
    refusalOf(t, { 'compose.yaml': fileWith('label_file: gone') }),
    /services\.a\.label_file\.0: label file .*gone not found; create it or remove it/u,
  );
});

test('the hash of docker compose leaves out what changes no container', (t) => {
  const hash = (keys: string): string => serviceWith(t, keys).configHash;
  const own = hash('');
  for (const same of ['scale: 2', 'pull_policy: always', 'build: {context: .}', 'profiles: []'])
    t.is(hash(same), own);
  const deployed = hash('deploy: {labels: {a: b}}');
  t.not(deployed, own);
  t.is(hash('deploy: {labels: {a: b}, replicas: 3}'), deployed);
  t.not(hash('deploy: {labels: {a: c}}'), deployed);
});
