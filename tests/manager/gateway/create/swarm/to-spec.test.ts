import test from 'ava';
import { decodeServiceBody } from '../../../../../manager/gateway/create/swarm/service-body.js';
import type { ServicePlan } from '../../../../../manager/gateway/create/swarm/to-spec.js';
import { planService } from '../../../../../manager/gateway/create/swarm/to-spec.js';
import type { ObjectNames } from '../../../../../manager/gateway/translate/swarm/container.js';
import { toSwarmSpec } from '../../../../../manager/gateway/translate/swarm/spec.js';

function plan(body: object): ServicePlan {
  const whole = { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'busybox' } }, ...body };
  return planService(decodeServiceBody(whole), (network) => network);
}

const inContainer = (fields: object): ServicePlan =>
  plan({ TaskTemplate: { ContainerSpec: { Image: 'busybox', ...fields } } });

const names: ObjectNames = {
  networkByName: () => undefined,
  secretByName: () => undefined,
  configByName: () => undefined,
  volumeByName: () => undefined,
};

test('a service of a stack is one of the project, another has its own name', (t) => {
  const labels = { 'com.docker.stack.namespace': 'shop', tier: 'front' };
  t.like(plan({ Name: 'shop_web', Labels: labels }).spec, {
    ...{ name: 'shop_web', project: 'shop', service: 'web', labels: { tier: 'front' } },
  });
  t.like(plan({}).spec, { name: 'web', project: 'swarm', service: 'web' });
});

test('defaults are those of Swarm mode', (t) => {
  const { spec } = plan({});
  t.deepEqual(spec.mode, { kind: 'replicated', replicas: 1 });
  t.deepEqual(spec.task.restart, { condition: 'any', delayMs: 5000, maxAttempts: 0, windowMs: 0 });
  t.like(spec.update, { parallelism: 1, failureAction: 'pause', order: 'stop-first' });
  t.is(spec.endpointMode, 'vip');
  t.deepEqual(spec.task.container.engineRestart, { name: 'no' });
});

test('a job runs its completions with a limit on concurrent ones', (t) => {
  const { spec } = plan({ Mode: { ReplicatedJob: { MaxConcurrent: 2, TotalCompletions: 5 } } });
  t.deepEqual(spec.mode, { kind: 'replicated', replicas: 5, job: true, maxConcurrent: 2 });
  t.is(spec.task.restart?.condition, 'on-failure');
  t.is(spec.update, undefined);
  t.deepEqual(plan({ Mode: { GlobalJob: {} } }).spec.mode, { kind: 'global', job: true });
});

test('a whole spec is the same after a translation and back', (t) => {
  const body = {
    Name: 'web',
    Labels: { a: 'b' },
    TaskTemplate: {
      ContainerSpec: {
        ...{ Image: 'busybox:1', Labels: { c: 'd' }, Command: ['sh'], Args: ['-c', 'true'] },
        ...{ Hostname: '{{.Node.Hostname}}-{{.Task.Slot}}', Env: ['A=1', 'B'], Dir: '/x' },
        ...{ User: 'me', Groups: ['7'], TTY: true, OpenStdin: true, ReadOnly: true },
        Mounts: [
          { Type: 'volume', Source: 'data', Target: '/data' },
          { Type: 'bind', Source: '/etc', Target: '/e', ReadOnly: true },
          { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 65_536, Mode: 448 } },
        ],
        ...{ StopSignal: 'SIGINT', StopGracePeriod: 3_000_000_000 },
        Healthcheck: { Test: ['CMD', 'true'], Interval: 1_000_000_000, Retries: 2 },
        Hosts: ['10.0.0.9 one'],
        DNSConfig: { Nameservers: ['10.0.0.1'], Search: ['x'], Options: ['ndots:1'] },
        Secrets: [
          {
            File: { Name: 's', UID: '1', GID: '2', Mode: 256 },
            ...{ SecretID: '', SecretName: 'key' },
          },
        ],
        Configs: [
          { File: { Name: '/c', UID: '0', GID: '0', Mode: 292 }, ConfigID: '', ConfigName: 'conf' },
        ],
        Privileges: {
          NoNewPrivileges: true,
          Seccomp: { Mode: 'custom', Profile: Buffer.from('{}').toString('base64') },
          AppArmor: { Mode: 'disabled' },
          SELinuxContext: { Type: 'web', Level: 's0' },
        },
        ...{ Isolation: 'default', Init: false, Sysctls: { 'net.core.somaxconn': '9' } },
        ...{ CapabilityAdd: ['CAP_NET_ADMIN'], CapabilityDrop: ['CAP_CHOWN'], OomScoreAdj: 5 },
        Ulimits: [{ Name: 'nofile', Hard: 9, Soft: 8 }],
      },
      Resources: {
        Limits: { NanoCPUs: 500_000_000, MemoryBytes: 8_388_608, Pids: 9 },
        Reservations: { NanoCPUs: 100_000_000, MemoryBytes: 4_194_304 },
      },
      RestartPolicy: {
        Condition: 'on-failure',
        Delay: 1_000_000,
        MaxAttempts: 3,
        Window: 5_000_000,
      },
      Placement: {
        Constraints: ['node.role==worker'],
        Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }],
        MaxReplicas: 2,
      },
      Networks: [{ Target: 'front', Aliases: ['www'], DriverOpts: { k: 'v' } }],
      LogDriver: { Name: 'json-file', Options: { 'max-size': '1m' } },
      ...{ ForceUpdate: 4, Runtime: 'container' },
    },
    Mode: { Replicated: { Replicas: 3 } },
    UpdateConfig: {
      ...{ Parallelism: 2, Delay: 1_000_000, FailureAction: 'rollback', Monitor: 2_000_000 },
      ...{ MaxFailureRatio: 0.25, Order: 'start-first' },
    },
    RollbackConfig: {
      ...{ Parallelism: 0, FailureAction: 'continue', Monitor: 2_000_000 },
      ...{ MaxFailureRatio: 0, Order: 'stop-first' },
    },
    EndpointSpec: {
      Mode: 'vip',
      Ports: [{ Protocol: 'udp', TargetPort: 53, PublishedPort: 5353, PublishMode: 'host' }],
    },
  };
  const { spec, forceUpdate, volumes } = plan(body);
  t.deepEqual(JSON.parse(JSON.stringify(toSwarmSpec(spec, forceUpdate, names))), body);
  t.deepEqual(
    volumes.map(({ name }) => name),
    ['data'],
  );
  t.true(spec.task.container.templated);
});

const refusals: readonly (readonly [string, object, RegExp])[] = [
  ['a name that is no DNS name', { Name: 'a b' }, /name must be valid as a DNS name component/u],
  ['a name that is too long', { Name: 'a'.repeat(64) }, /63 characters or fewer/u],
  ['no name', { Name: '' }, /name must be provided/u],
  ['no container', { TaskTemplate: {} }, /missing runtime/u],
  ['two modes', { Mode: { Replicated: {}, Global: {} } }, /only one service mode/u],
  [
    'ingress ports without a virtual address',
    { EndpointSpec: { Mode: 'dnsrr', Ports: [{ TargetPort: 80, PublishedPort: 80 }] } },
    /can't be used with dnsrr/u,
  ],
  [
    'a port twice',
    { EndpointSpec: { Ports: [80, 81].map((TargetPort) => ({ TargetPort, PublishedPort: 8 })) } },
    /duplicate published ports/u,
  ],
  [
    'an update of a job',
    { Mode: { GlobalJob: {} }, UpdateConfig: { Parallelism: 1 } },
    /not supported for job-mode/u,
  ],
  [
    'a rollback that would roll back',
    { RollbackConfig: { FailureAction: 'rollback' } },
    /unrecognized rollback failure action/u,
  ],
  [
    'a negative delay',
    { UpdateConfig: { Delay: -1 } },
    /UpdateConfig\.Delay must be a non-negative number/u,
  ],
  [
    'a negative number of replicas',
    { Mode: { Replicated: { Replicas: -1 } } },
    /Replicas must be a non-negative integer/u,
  ],
  [
    'a negative port',
    { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: -8 }] } },
    /PublishedPort must be a non-negative integer/u,
  ],
  [
    'an upper limit of a process that is no number',
    { TaskTemplate: { ContainerSpec: { Image: 'a', Ulimits: [{ Name: 'nofile', Hard: 'x' }] } } },
    /Hard must be an integer/u,
  ],
];

for (const [what, body, message] of refusals) {
  test(`refuses ${what}`, (t) => {
    t.throws(() => plan(body), { message });
  });
}

test('options of Windows, plugins and generic resources are refused by name', (t) => {
  const credential = { Privileges: { CredentialSpec: { File: 'x' } } };
  t.throws(() => inContainer(credential), { message: /^CredentialSpec: not supported/u });
  t.throws(() => inContainer({ Isolation: 'hyperv' }), { message: /^Isolation hyperv/u });
  t.throws(() => plan({ TaskTemplate: { PluginSpec: {} } }), { message: /^Runtime plugin/u });
  const Reservations = { GenericResources: [{ DiscreteResourceSpec: { Kind: 'gpu', Value: 1 } }] };
  const ContainerSpec = { Image: 'busybox' };
  const generic = { TaskTemplate: { ContainerSpec, Resources: { Reservations } } };
  t.throws(() => plan(generic), { message: /^GenericResources: not supported/u });
  t.throws(() => inContainer({ Env: ['A={{ range }}'] }), { message: /^template \{\{range\}\}/u });
});

test('a volume whose name is a template is not one of the cluster', (t) => {
  const mount = { Type: 'volume', Source: 'data-{{.Task.Slot}}', Target: '/data' };
  t.deepEqual(inContainer({ Mounts: [mount] }).volumes, []);
});

test('a network is found by its name, also if an object of JavaScript has it', (t) => {
  const { task } = plan({ Networks: [{ Target: 'constructor' }] }).spec;
  t.like(task.networks[0], { network: 'constructor' });
  t.deepEqual(task.container.networkMode, { kind: 'networks' });
});
