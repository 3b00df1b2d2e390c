import test from 'ava';
import { normalize } from '../../../../cli/compose/load/normalize.js';
import { newMap, type Tree, type TreeMap } from '../../../../cli/compose/yaml/tree.js';

/** A tree of these values. */
function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return value.map(treeOf);
  if (typeof value !== 'object' || value === null) return value as Tree;
  const map = newMap();
  for (const [key, item] of Object.entries(value)) map[key] = treeOf(item);
  return map;
}

type Fields = Readonly<Record<string, unknown>>;

function normalized(root: Fields): Fields {
  const tree = treeOf(root) as TreeMap;
  normalize(tree, 'p', (name) => (name === 'SET' ? 'value' : undefined));
  return JSON.parse(JSON.stringify(tree)) as Fields;
}

function service(fields: Fields): Fields {
  const { services } = normalized({ services: { a: fields } });
  return (services as Readonly<Record<string, Fields>>).a ?? {};
}

const dependency = (restart: boolean): Fields => ({
  ...{ condition: 'service_started', restart, required: true },
});

test('services without networks join the default network, which is then declared', (t) => {
  for (const networks of [undefined, null, {}]) {
    const { services, networks: declared } = normalized({ services: { a: { networks } } });
    t.deepEqual(services, { a: { networks: { default: null } } });
    t.deepEqual(declared, { default: { name: 'p_default' } });
  }
});

test('the default network is declared only if a service uses it, and keeps its settings', (t) => {
  t.false('networks' in normalized({ services: { a: { network_mode: 'host' } } }));
  t.false('networks' in normalized({ services: { a: { provider: { type: 'x' } } } }));
  t.false('networks' in normalized({}));
  t.deepEqual(
    normalized({ services: { a: { networks: { n: null } } }, networks: { n: null } }).networks,
    { n: { name: 'p_n' } },
  );
  t.deepEqual(normalized({ services: { a: { networks: { default: null } } } }).networks, {
    default: { name: 'p_default' },
  });
  t.deepEqual(
    normalized({ services: { a: {} }, networks: { default: { internal: true }, n: null } })
      .networks,
    { default: { internal: true, name: 'p_default' }, n: { name: 'p_n' } },
  );
});

test('a build has a context, and a Dockerfile unless its text is given', (t) => {
  t.deepEqual(service({ build: {} }).build, { context: '.', dockerfile: 'Dockerfile' });
  t.deepEqual(service({ build: { context: 'x', dockerfile: 'D' } }).build, {
    ...{ context: 'x', dockerfile: 'D' },
  });
  t.deepEqual(service({ build: { dockerfile_inline: 'FROM x' } }).build, {
    ...{ dockerfile_inline: 'FROM x', context: '.' },
  });
});

test('variables without a value take that of the shell; others stay or are dropped', (t) => {
  for (const [environment, expected] of [
    [
      ['A=1', 'SET', 'NONE'],
      ['A=1', 'SET=value', 'NONE'],
    ],
    [
      { A: '1', SET: null, NONE: null },
      { A: '1', SET: 'value', NONE: null },
    ],
  ]) {
    t.deepEqual(service({ environment }).environment, expected);
  }
  for (const [args, expected] of [
    [
      ['A=1', 'SET', 'NONE'],
      ['A=1', 'SET=value'],
    ],
    [
      { A: '1', SET: null, NONE: null },
      { A: '1', SET: 'value' },
    ],
  ]) {
    t.deepEqual((service({ build: { args } }).build as Fields).args, expected);
  }
  t.false('environment' in service({}));
});

test('links and shared namespaces are dependencies that restart their service', (t) => {
  for (const fields of [
    ...[{ links: ['b'] }, { links: ['b:alias'] }, { network_mode: 'service:b' }],
    ...[{ ipc: 'service:b' }, { pid: 'service:b' }, { uts: 'service:b' }, { cgroup: 'service:b' }],
  ]) {
    t.deepEqual(service(fields).depends_on, { b: dependency(true) });
  }
  t.deepEqual(service({ links: ['b:c:d'] }).depends_on, { 'b:c:d': dependency(true) });
});

test('volumes of a service are a dependency, those of a container are not', (t) => {
  const fields = { volumes_from: ['b:ro', 'c', 'container:d'] };
  t.deepEqual(service(fields).depends_on, { b: dependency(false), c: dependency(false) });
  for (const none of [{}, { network_mode: 'host' }, { pid: 'host' }, { links: [] }, { ipc: 7 }]) {
    t.false('depends_on' in service(none));
  }
});

test('a dependency that is written down is kept as it is', (t) => {
  const written = { b: { condition: 'service_healthy', required: false } };
  t.deepEqual(service({ depends_on: written, links: ['b', 'c'] }).depends_on, {
    ...written,
    c: dependency(true),
  });
});

test('an old word of the pull policy is replaced', (t) => {
  t.is(service({ pull_policy: 'if_not_present' }).pull_policy, 'missing');
  t.is(service({ pull_policy: 'always' }).pull_policy, 'always');
});

test('resources get the name of the project unless they have one or are external', (t) => {
  for (const section of ['networks', 'volumes', 'configs', 'secrets']) {
    t.deepEqual(
      normalized({ [section]: { a: null, b: { name: 'own' }, c: { external: true } } })[section],
      { a: { name: 'p_a' }, b: { name: 'own' }, c: { external: true, name: 'c' } },
    );
  }
});
