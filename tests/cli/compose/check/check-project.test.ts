import test from 'ava';
import {
  checkContainerNames,
  checkProject,
  replicaCount,
  type Refuse,
} from '../../../../cli/compose/check/check-project.js';
import { ComposeError } from '../../../../cli/compose/error.js';
import type { ComposeService, Project } from '../../../../cli/compose/model.js';

const refuse: Refuse = (path, message) => {
  throw new ComposeError(message, { path: path.join('.') });
};

/** Returns the message of the refusal, or undefined. */
function problem(parts: object): string | undefined {
  const empty = { services: {}, disabledServices: {}, networks: {}, volumes: {} };
  const project = { ...empty, secrets: {}, configs: {}, models: {}, ...parts };
  try {
    checkProject(project, refuse);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const service = (a: object, parts: object = {}): string | undefined =>
  problem({ services: { a: { image: 'x', ...a } }, ...parts })?.replace('services.a.', '');

test('a service needs an image, a build or a provider', (t) => {
  t.is(
    problem({ services: { a: {} } }),
    'services.a: service "a" has neither an image nor a build context specified; add the key image or build',
  );
  for (const a of [{ image: 'x' }, { build: {} }, { provider: { type: 'x' } }])
    t.is(problem({ services: { a } }), undefined);
});

test('all services with problems are named, at most ten', (t) => {
  const names = Array.from({ length: 12 }, (_, index) => `s${String(index)}`);
  const of = (count: number): string =>
    problem({ services: Object.fromEntries(names.slice(0, count).map((name) => [name, {}])) }) ??
    '';
  t.false(of(1).includes('errors also'));
  t.true(of(2).endsWith('(errors also in services.s1)'));
  t.true(of(11).endsWith(`services.s9, services.s10)`));
  t.true(of(12).endsWith('services.s9, services.s10 and 1 more)'));
});

test('a health check begins with a known word', (t) => {
  for (const word of ['CMD', 'CMD-SHELL', 'NONE'])
    t.is(service({ healthcheck: { test: [word] } }), undefined);
  t.is(service({ healthcheck: {} }), undefined);
  t.is(
    service({ healthcheck: { test: ['x'] } }),
    'healthcheck.test: is not a healthcheck test; begin with CMD, CMD-SHELL or NONE, or write a string for the shell',
  );
});

test('a build refers to services that are built and to secrets that exist', (t) => {
  const build = (fields: object, services: object = {}): string | undefined =>
    service({ build: fields }, { services: { a: { build: fields }, ...services } });
  t.is(
    build({ dockerfile: 'd', dockerfile_inline: 'x' }),
    'build.dockerfile_inline: excludes dockerfile; keep one',
  );
  t.is(build({ dockerfile_inline: 'x' }), undefined);
  t.is(
    build({ additional_contexts: { k: 'service:b', l: '../x' } }, { b: { build: {} } }),
    undefined,
  );
  t.is(
    build({ additional_contexts: { k: 'service:b' } }),
    'build.additional_contexts.k: service "b" is not defined; add it to services:',
  );
  t.is(
    build({ additional_contexts: { k: 'service:b' } }, { b: { image: 'x' } }),
    'build.additional_contexts.k: service "b" has no build section; add build: to it',
  );
  t.is(
    build({ secrets: [{ source: 's' }] }),
    'build.secrets.0: refers to undefined build secret s; add it to secrets:',
  );
  t.is(
    service({ build: { secrets: [{ source: 's' }] } }, { secrets: { s: { file: 'f' } } }),
    undefined,
  );
  t.is(service({ platform: 'p', build: { platforms: ['o', 'p'] } }), undefined);
  t.is(service({ platform: 'p', build: {} }), undefined);
  t.is(service({ build: { platforms: ['o'] } }), undefined);
  t.is(
    service({ platform: 'p', build: { platforms: ['o'] } }),
    'build.platforms: does not include the platform of the service; add "p"',
  );
});

test('networks exist and exclude network_mode', (t) => {
  t.is(service({ networks: { n: null } }, { networks: { n: {} } }), undefined);
  t.is(service({ network_mode: 'host', networks: {} }), undefined);
  t.is(
    service({ networks: { n: null } }),
    'networks.n: service "a" refers to undefined network n; add it to networks:',
  );
  t.is(
    service({ network_mode: 'host', networks: { n: null } }, { networks: { n: {} } }),
    'network_mode: excludes networks; keep one of `network_mode` and `networks`',
  );
});

test('dependencies exist; optional ones may be disabled', (t) => {
  const needs = (required: boolean): object => ({ depends_on: { b: { required } } });
  const disabled = { disabledServices: { b: { profiles: ['p', 'q'] } } };
  t.is(service(needs(false), disabled), undefined);
  t.is(
    service(needs(true), disabled),
    'depends_on.b: service "a" depends on undefined service "b"; enable one of its profiles with --profile: p, q',
  );
  for (const required of [true, false]) {
    t.is(
      service(needs(required)),
      'depends_on.b: service "a" depends on undefined service "b"; add the service or correct the name',
    );
  }
  const image = 'x';
  t.is(
    problem({
      services: { a: { image, depends_on: { b: {} } }, b: { image, depends_on: { a: {} } } },
    }),
    'services.a.depends_on: dependency cycle detected: a -> b -> a; remove one of these dependencies',
  );
});

test('two mounts of a service have different targets', (t) => {
  const volumes = [{ type: 'bind', target: '/t' }];
  t.is(
    service({ tmpfs: ['/t:size=1', '/u'], volumes: [{ type: 'bind', target: '/v' }] }),
    undefined,
  );
  t.is(
    service({ tmpfs: ['/t:size=1'], volumes }),
    'volumes.0: target /t already mounted as tmpfs.0; remove one',
  );
  t.is(
    service({ tmpfs: ['/t', '/t:size=1'] }),
    'tmpfs.1: target /t already mounted as tmpfs.0; remove one',
  );
});

test('volumes, secrets, configs and models exist', (t) => {
  const volumes = [{ type: 'bind', source: '/v', target: '/a' }];
  t.is(service({ volumes: [...volumes, { type: 'volume', target: '/t' }] }), undefined);
  t.is(
    service({ volumes: [...volumes, { type: 'volume', source: 'v', target: '/t' }] }),
    'volumes.1: service "a" refers to undefined volume v; add it to volumes:',
  );
  t.is(
    service({ configs: [{ source: 'c' }] }),
    'configs.0: service "a" refers to undefined config c; add it to configs:',
  );
  t.is(
    service({ secrets: [{ source: 's' }] }, { configs: { s: {} } }),
    'secrets.0: service "a" refers to undefined secret s; add it to secrets:',
  );
  t.is(service({ models: { m: null } }, { models: { m: {} } }), undefined);
  t.is(
    service({ models: { m: null } }),
    'models.m: service "a" refers to undefined model m; add it to models:',
  );
});

test('secrets have content', (t) => {
  for (const s of [{ external: true }, { file: 'f' }, { environment: 'e' }])
    t.is(problem({ secrets: { s } }), undefined);
  t.is(
    problem({ secrets: { s: { external: false } } }),
    'secrets.s: secret "s" has no content; set file, environment or external: true',
  );
});

test('scale and replicas agree and allow a container name once', (t) => {
  t.is(service({ scale: 2, deploy: { replicas: 2 } }), undefined);
  t.is(
    service({ scale: 2, deploy: { replicas: 3 } }),
    "scale: can't set distinct values on 'scale' and 'deploy.replicas'; keep one",
  );
  t.is(service({ scale: 1, container_name: 'c' }), undefined);
  t.is(service({ container_name: 'c' }), undefined);
  t.is(
    service({ scale: 2, container_name: 'c' }),
    "container_name: can't be set with scale above 1; container names are unique",
  );
  t.is(
    service({ deploy: { replicas: 2 }, container_name: 'c' }),
    "container_name: can't be set with deploy.replicas above 1; container names are unique",
  );
  t.is(replicaCount({} as ComposeService), 1);
  t.is(replicaCount({ scale: 0 } as ComposeService), 0);
});

test('limits agree with the limits of deploy', (t) => {
  for (const [key, own, part, field, other] of [
    ['cpus', 1, 'limits', 'cpus', 2],
    ['mem_limit', '1', 'limits', 'memory', '2'],
    ['mem_reservation', '1', 'reservations', 'memory', '2'],
    ['pids_limit', 1, 'limits', 'pids', 2],
  ] as const) {
    const of = (value: object): object => ({ deploy: { resources: { [part]: value } } });
    t.is(service({ [key]: own }), undefined);
    t.is(service({ [key]: own, ...of({ [field]: own }) }), undefined);
    t.is(service(of({ [field]: own })), undefined);
    for (const value of [{ [field]: other }, {}]) {
      t.is(
        service({ [key]: own, ...of(value) }),
        `${key}: can't set distinct values on '${key}' and 'deploy.resources.${part}.${field}'; keep one`,
      );
    }
  }
  t.is(service({ mem_limit: '0', deploy: { resources: { limits: {} } } }), undefined);
});

test('a watch that copies files has a target', (t) => {
  const watch = (action: string, target?: string): string | undefined =>
    service({ develop: { watch: [{ action, ...(target === undefined ? {} : { target }) }] } });
  t.is(watch('rebuild'), undefined);
  t.is(watch('restart'), undefined);
  t.is(watch('sync', '/t'), undefined);
  t.is(watch('sync'), 'develop.watch.0: action sync has no target; add the path in the container');
});

test('container names are unique in a project', (t) => {
  const of = (b: object) => (): void => {
    checkContainerNames(
      { a: { container_name: 'c' }, b } as unknown as Project['services'],
      refuse,
    );
  };
  t.notThrows(of({}));
  t.notThrows(of({ container_name: 'd' }));
  t.throws(of({ container_name: 'c' }), {
    message:
      'services.b.container_name: container name "c" is already in use by service "a"; choose another name',
  });
});
