import test from 'ava';
import fc from 'fast-check';
import { aContainer, aServiceSpec } from '../../../../../fixtures/cluster/build.js';
import type { ServiceSpec } from '../../../../../manager/common/model/service.js';
import { mergeSpec } from '../../../../../manager/gateway/create/swarm/merge-spec.js';
import { decodeServiceBody } from '../../../../../manager/gateway/create/swarm/service-body.js';
import { planService } from '../../../../../manager/gateway/create/swarm/to-spec.js';
import type { ObjectNames } from '../../../../../manager/gateway/translate/swarm/container.js';
import { toSwarmSpec } from '../../../../../manager/gateway/translate/swarm/spec.js';

const names: ObjectNames = {
  networkByName: () => undefined,
  secretByName: () => undefined,
  configByName: () => undefined,
  volumeByName: () => undefined,
};

/** The spec after a translation to JSON of the API, changed by `edit`, and back. */
function translated(spec: ServiceSpec, edit: (body: Body) => void = () => undefined): ServiceSpec {
  const body = JSON.parse(JSON.stringify(toSwarmSpec(spec, 0, names))) as Body;
  edit(body);
  return planService(decodeServiceBody(body), (network) => network, spec).spec;
}

interface Body {
  Labels: Record<string, string>;
  TaskTemplate: { ContainerSpec: Record<string, unknown> & { Image: string } };
  Mode: { Replicated?: { Replicas: number } };
}

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/u);
const millis = fc.integer({ min: 1, max: 100_000 });
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

const containers = fc.record({
  image: word,
  command: maybe(fc.array(word, { minLength: 1, maxLength: 3 })),
  entrypoint: maybe(fc.array(word, { minLength: 1, maxLength: 2 })),
  env: fc.dictionary(word, fc.option(word)),
  labels: fc.dictionary(word, word),
  hostname: maybe(word),
  healthcheck: maybe(fc.record({ test: fc.constant(['CMD', 'true']), intervalMs: millis })),
  stopGraceMs: maybe(millis),
  tty: fc.boolean(),
  dns: fc.array(fc.ipV4(), { maxLength: 2 }),
  extraHosts: fc.array(
    fc.tuple(word, fc.ipV4()).map(([name, address]) => `${name}:${address}`),
    { maxLength: 2 },
  ),
  mounts: fc.array(
    fc.record({
      type: fc.constant('bind' as const),
      source: word.map((name) => `/srv/${name}`),
      target: word.map((name) => `/${name}`),
      readOnly: fc.boolean(),
      createHostPath: fc.boolean(),
      selinux: maybe(fc.constant('z')),
    }),
    { maxLength: 2 },
  ),
  files: fc.array(
    fc.record({
      kind: fc.constantFrom('secret' as const, 'config' as const),
      source: word,
      target: word.map((name) => `/run/secrets/${name}`),
      uid: fc.constantFrom('', '0', '7'),
      gid: fc.constantFrom('', '0', '7'),
      mode: fc.constantFrom(0o444, 0o400),
    }),
    { maxLength: 2 },
  ),
  hostConfig: fc.constantFrom(
    {},
    { Privileged: true, CapAdd: ['NET_ADMIN'] },
    { SecurityOpt: ['no-new-privileges=true', 'label=type:web'], ShmSize: 1024 },
    { LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } }, Init: true },
  ),
});

const specs: fc.Arbitrary<ServiceSpec> = fc
  .record({
    container: containers,
    replicas: fc.nat(9),
    labels: fc.dictionary(word, word),
    constraints: fc.subarray(['node.role == worker', 'node.labels.disk != ssd']),
    published: maybe(fc.integer({ min: 1, max: 65_535 })),
    nanoCpus: fc.constantFrom(0, 500_000_000),
    restart: fc.boolean(),
    update: fc.boolean(),
    dependsOn: fc.boolean(),
  })
  .map((given) => {
    const container = Object.fromEntries(
      Object.entries(given.container).filter(([, value]) => value !== undefined),
    );
    const { published } = given;
    return aServiceSpec('web', {
      replicas: given.replicas,
      labels: given.labels,
      ...(given.dependsOn
        ? {
            dependsOn: [
              {
                service: 'db',
                condition: 'service_started' as const,
                ...{ required: true, restart: false },
              },
            ],
          }
        : {}),
      ...(given.update
        ? {
            update: {
              ...{ parallelism: 2, delayMs: 10, failureAction: 'rollback', monitorMs: 1000 },
              ...{ maxFailureRatio: 0.5, order: 'start-first' },
            } as const,
          }
        : {}),
      task: {
        container: aContainer(container),
        placement: { constraints: given.constraints },
        ports: [
          {
            ...{ target: 80, protocol: 'tcp', mode: 'host', hostIp: '127.0.0.1' },
            ...(published === undefined ? {} : { published }),
          },
        ],
        resources: {
          limits: {},
          reservations: { nanoCpus: given.nanoCpus, memoryBytes: 0 },
        },
        ...(given.restart
          ? { restart: { condition: 'any', delayMs: 5, maxAttempts: 3, windowMs: 7 } as const }
          : {}),
      },
    });
  });

test('an update with the spec that the API showed changes nothing', (t) => {
  fc.assert(
    fc.property(specs, (spec) => {
      t.deepEqual(mergeSpec(spec, translated(spec), translated(spec)), spec);
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test('an update keeps what the API does not show and changes what the client changed', (t) => {
  fc.assert(
    fc.property(specs, fc.nat(9), (spec, replicas) => {
      const wanted = translated(spec, (body) => {
        body.TaskTemplate.ContainerSpec.Image = 'other:2';
        body.Mode = { Replicated: { Replicas: replicas } };
        body.Labels = { added: 'yes' };
      });
      const merged = mergeSpec(spec, translated(spec), wanted);
      t.deepEqual(merged, {
        ...spec,
        configHash: wanted.configHash,
        labels: { added: 'yes' },
        mode: { kind: 'replicated', replicas },
        task: { ...spec.task, container: { ...spec.task.container, image: 'other:2' } },
      });
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test('an added mount leaves options of other mounts that the API lacks', (t) => {
  const mount = { type: 'bind', source: '/a', target: '/a', readOnly: false } as const;
  const kept = { ...mount, createHostPath: true, selinux: 'z' };
  const spec = aServiceSpec('web', { task: { container: { mounts: [kept] } } });
  const wanted = translated(spec, ({ TaskTemplate: { ContainerSpec: container } }) => {
    const mounts = container.Mounts as object[];
    container.Mounts = [...mounts, { Type: 'tmpfs', Target: '/t' }];
  });
  const { mounts } = mergeSpec(spec, translated(spec), wanted).task.container;
  t.deepEqual(mounts, [kept, { type: 'tmpfs', target: '/t', readOnly: false }]);
});

test('long lists are merged in linear time', (t) => {
  const command = Array.from({ length: 5_000 }, (_, at) => `word-${String(at)}`);
  const stored = aServiceSpec('web', { task: { container: { command } } });
  const wanted = translated(stored, ({ TaskTemplate }) => {
    TaskTemplate.ContainerSpec.Args = [...command.slice(1), 'last'];
  });
  const started = performance.now();
  const merged = mergeSpec(stored, translated(stored), wanted);
  t.true(performance.now() - started < 5_000);
  t.deepEqual(merged.task.container.command, [...command.slice(1), 'last']);
});
