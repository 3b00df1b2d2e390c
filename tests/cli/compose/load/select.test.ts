import test from 'ava';
import { selectServices, withoutUnused } from '../../../../cli/compose/load/select.js';
import type { ComposeService, Project } from '../../../../cli/compose/model.js';

interface Given {
  readonly needs?: Readonly<Record<string, boolean>>;
  readonly profiles?: readonly string[];
  readonly fields?: Partial<ComposeService>;
}

function service({ needs, profiles, fields }: Given): ComposeService {
  const depends = Object.entries(needs ?? {}).map(
    ([name, required]) => [name, { condition: 'service_started', required }] as const,
  );
  return {
    ...{ command: null, entrypoint: null },
    ...(needs === undefined ? {} : { depends_on: Object.fromEntries(depends) }),
    ...(profiles === undefined ? {} : { profiles }),
    ...fields,
  };
}

function project(
  services: Readonly<Record<string, Given>>,
  disabled: Readonly<Record<string, Given>> = {},
  profiles: readonly string[] = [],
): Project {
  const all = (given: Readonly<Record<string, Given>>): Record<string, ComposeService> =>
    Object.fromEntries(Object.entries(given).map(([name, one]) => [name, service(one)]));
  return {
    ...{ name: 'p', profiles, services: all(services), disabledServices: all(disabled) },
    ...{ networks: {}, volumes: {}, secrets: {}, configs: {}, models: {} },
    locate: (path: readonly string[]) => path.join('.'),
  } as unknown as Project;
}

function names({ services, disabledServices }: Project): readonly (readonly string[])[] {
  return [Object.keys(services).sort(), Object.keys(disabledServices).sort()];
}

test('a project without a selection is the same object', (t) => {
  const whole = project({ a: {} });
  t.is(selectServices(whole, []), whole);
});

test('a selection has the named services and everything that they depend on', (t) => {
  const given = project({
    ...{ a: { needs: { b: true } }, b: { needs: { c: false } }, c: {}, d: { needs: { a: true } } },
  });
  t.deepEqual(names(selectServices(given, ['a'])), [['a', 'b', 'c'], ['d']]);
  t.deepEqual(names(selectServices(given, ['c', 'c'])), [['c'], ['a', 'b', 'd']]);
  t.deepEqual(names(selectServices(given, ['c', 'd'])), [['a', 'b', 'c', 'd'], []]);
});

test('services that depend on each other are selected once', (t) => {
  const given = project({ a: { needs: { b: true } }, b: { needs: { a: true } } });
  t.deepEqual(names(selectServices(given, ['a'])), [['a', 'b'], []]);
});

test('an unknown name is refused', (t) => {
  t.throws(() => selectServices(project({ a: {} }), ['a', 'x']), { message: 'no such service: x' });
});

test('the name of a disabled service enables its profiles, also for what it needs', (t) => {
  const given = project(
    { a: {} },
    {
      tool: { profiles: ['debug'], needs: { helper: true } },
      helper: { profiles: ['debug'] },
      other: { profiles: ['else'] },
    },
  );
  t.deepEqual(names(selectServices(given, ['tool'])), [
    ['helper', 'tool'],
    ['a', 'other'],
  ]);
});

test('a required dependency that no profile enables is refused with its place and profiles', (t) => {
  const given = project(
    { a: { needs: { b: true } }, c: { needs: { x: true } } },
    { b: { profiles: ['one', 'two'] } },
  );
  t.throws(() => selectServices(given, ['a']), {
    message:
      'services.a.depends_on.b: no such service: b; enable one of its profiles with --profile: one, two',
  });
  t.throws(() => selectServices(given, ['c']), {
    message: 'services.c.depends_on.x: no such service: x; add the service or correct the name',
  });
});

test('an optional dependency that no profile enables is left out', (t) => {
  const given = project(
    { a: { needs: { b: false, c: true } }, c: {}, d: { needs: { b: false } } },
    { b: { profiles: ['one'] } },
  );
  const { services } = selectServices(given, ['a', 'd']);
  t.deepEqual(Object.keys(services.a?.depends_on ?? {}), ['c']);
  t.false('depends_on' in (services.d ?? {}));
  t.is(services.c, given.services.c);
  t.is(
    selectServices(project({ e: { needs: {} } }), ['e']).services.e?.depends_on === undefined,
    false,
  );
});

test('resources that no enabled service uses are removed', (t) => {
  const fields = {
    networks: { net: null },
    volumes: [
      { type: 'volume', source: 'vol', target: '/v' },
      { type: 'volume', target: '/anonymous' },
      { type: 'bind', source: 'bound', target: '/b' },
    ],
    secrets: [{ source: 'sec' }],
    configs: [{ source: 'conf' }],
    models: { mod: null },
    build: { secrets: [{ source: 'built' }] },
  } as unknown as Partial<ComposeService>;
  const resources = (...keys: readonly string[]): object =>
    Object.fromEntries(keys.map((key) => [key, { name: key }]));
  const given = {
    ...project({ a: { fields }, b: {} }),
    networks: resources('net', 'unused'),
    volumes: resources('vol', 'bound', 'unused'),
    secrets: resources('sec', 'built', 'unused'),
    configs: resources('conf', 'unused'),
    models: resources('mod', 'unused'),
  } as unknown as Project;
  const left = withoutUnused(given);
  t.deepEqual(
    [left.networks, left.volumes, left.secrets, left.configs, left.models].map((each) =>
      Object.keys(each),
    ),
    [['net'], ['vol'], ['sec', 'built'], ['conf'], ['mod']],
  );
  t.deepEqual(Object.keys(withoutUnused(project({ a: {} })).networks), []);
});
