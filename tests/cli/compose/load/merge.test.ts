import test from 'ava';
import { applyResets, mergeTrees, toPairItems } from '../../../../cli/compose/load/merge.js';
import { newMap, type Tree, type TreeMap } from '../../../../cli/compose/yaml/tree.js';

/** A tree of these values. */
function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return value.map(treeOf);
  if (typeof value !== 'object' || value === null) return value as Tree;
  const map = newMap();
  for (const [key, item] of Object.entries(value)) map[key] = treeOf(item);
  return map;
}

function merged(base: unknown, over: unknown): unknown {
  const tree = mergeTrees(treeOf(base) as TreeMap, treeOf(over) as TreeMap);
  return JSON.parse(JSON.stringify(tree)) as unknown;
}

/** Merges a field of a service. */
function field(key: string, base: unknown, over: unknown): unknown {
  const inService = (value: unknown): object => ({ services: { a: { [key]: value } } });
  const tree = merged(inService(base), inService(over)) as {
    readonly services: { readonly a: Readonly<Record<string, unknown>> };
  };
  return tree.services.a[key];
}

const cannot = (path: string, kind: string): object => ({
  message: `${path}: cannot override ${kind} of an earlier file with a different type; use the same form`,
});

test('mappings merge, lists append, other values are replaced and null changes nothing', (t) => {
  t.deepEqual(merged({ a: 1, b: { c: 2 } }, { b: { d: 3 }, e: 4 }), {
    a: 1,
    b: { c: 2, d: 3 },
    e: 4,
  });
  t.deepEqual(merged({ x: ['a'], y: 1 }, { x: ['a', 'b'], y: 'two' }), {
    x: ['a', 'a', 'b'],
    y: 'two',
  });
  t.deepEqual(merged({ x: ['a'], y: { z: 1 }, w: 1 }, { x: null, y: null, w: null }), {
    ...{ x: ['a'], y: { z: 1 }, w: 1 },
  });
  t.throws(() => merged({ x: { y: { z: 1 } } }, { x: { y: 1 } }), cannot('x.y', 'a mapping'));
  t.throws(() => merged({ x: ['a'] }, { x: { a: 1 } }), cannot('x', 'a list'));
});

test('commands and checks are replaced as a whole', (t) => {
  t.deepEqual(field('command', ['a', 'b'], ['c']), ['c']);
  t.deepEqual(field('entrypoint', ['a'], 'b'), 'b');
  t.is(field('command', ['a'], null), null);
  t.deepEqual(field('healthcheck', { test: ['a'], retries: 1 }, { test: 'b' }), {
    ...{ test: 'b', retries: 1 },
  });
  t.deepEqual(field('ulimits', { n: { soft: 1, hard: 2 } }, { n: 3 }), { n: 3 });
});

test('pairs append in either form, mappings sorted', (t) => {
  t.deepEqual(field('environment', { b: 1, a: null }, ['c=2']), ['a', 'b=1', 'c=2']);
  t.deepEqual(field('labels', ['x=1'], { x: 2 }), ['x=1', 'x=2']);
  t.deepEqual(field('dns', '1.1.1.1', ['8.8.8.8']), ['1.1.1.1', '8.8.8.8']);
  t.deepEqual(field('environment', ['a=1'], null), ['a=1']);
  t.deepEqual(field('tmpfs', null, '/t'), ['/t']);
});

test('hosts append without those that are there already', (t) => {
  t.deepEqual(field('extra_hosts', ['a=1', 'b=2'], { a: '1', c: ['3', '4'] }), [
    ...['a=1', 'b=2', 'c=3', 'c=4'],
  ]);
});

test('items of a mapping are pairs, of a list themselves', (t) => {
  const values = (value: unknown): unknown => toPairItems(treeOf(value)).map((item) => item.value);
  t.deepEqual(values({ b: 2, a: null, c: ['y', 'x'] }), ['a', 'b=2', 'c=x', 'c=y']);
  t.deepEqual(values(['b', 'a']), ['b', 'a']);
  t.deepEqual(values('a'), ['a']);
  t.deepEqual(values(null), []);
  t.deepEqual(values(7), []);
});

test('options of a log driver merge only with those of the same driver', (t) => {
  const of = (driver: string | undefined, key: string): object => ({
    ...(driver === undefined ? {} : { driver }),
    options: { [key]: '1' },
  });
  const options = { a: '1', b: '1' };
  t.deepEqual(field('logging', of('x', 'a'), of('x', 'b')), { driver: 'x', options });
  t.deepEqual(field('logging', of(undefined, 'a'), of('x', 'b')), { driver: 'x', options });
  t.deepEqual(field('logging', of('x', 'a'), of(undefined, 'b')), { driver: 'x', options });
  t.deepEqual(field('logging', of('x', 'a'), of('y', 'b')), of('y', 'b'));
  t.deepEqual(field('logging', of('x', 'a'), null), of('x', 'a'));
  t.is(field('logging', of('x', 'a'), 'text'), 'text');
});

test('a build merges in its short and long form', (t) => {
  t.deepEqual(field('build', '.', { args: { A: '1' } }), { context: '.', args: { A: '1' } });
  t.deepEqual(field('build', { context: 'x', target: 't' }, 'y'), { context: 'y', target: 't' });
  t.deepEqual(field('build', 'x', null), { context: 'x' });
  t.deepEqual(field('build', null, { context: 'y' }), { context: 'y' });
  t.throws(() => field('build', '.', 7), cannot('services.a.build', 'the build section'));
});

test('dependencies and networks merge in either form', (t) => {
  const started = { condition: 'service_started', required: true };
  const healthy = { condition: 'service_healthy' };
  t.deepEqual(field('depends_on', ['b'], { b: healthy, c: healthy }), {
    ...{ b: { ...started, ...healthy }, c: healthy },
  });
  t.deepEqual(field('depends_on', { b: healthy }, ['b']), { b: started });
  t.deepEqual(field('depends_on', ['b'], null), ['b']);
  t.deepEqual(field('networks', ['n'], { m: { aliases: ['x'] } }), {
    ...{ n: null, m: { aliases: ['x'] } },
  });
  t.deepEqual(field('networks', { n: { priority: 1 } }, ['n']), { n: { priority: 1 } });
  t.deepEqual(field('networks', 'x', ['n']), ['n']);
  t.throws(() => field('networks', ['n'], 'x'), cannot('services.a.networks', 'a list or mapping'));
});

test('address pools merge by subnet', (t) => {
  const pools = (base: unknown, over: unknown): unknown => {
    const of = (config: unknown): object => ({ networks: { n: { ipam: { config } } } });
    const tree = merged(of(base), of(over)) as {
      readonly networks: { readonly n: { readonly ipam: { readonly config: unknown } } };
    };
    return tree.networks.n.ipam.config;
  };
  t.deepEqual(pools([{ subnet: 'a' }], [{ subnet: 'a', gateway: 'g' }]), [
    { subnet: 'a', gateway: 'g' },
  ]);
  t.is(pools([{ subnet: 'a' }], 'x'), 'x');
});

test('a reset removes its path and nothing else', (t) => {
  const tree = treeOf({ a: { b: 1, c: 2 }, d: ['x'] }) as TreeMap;
  applyResets(tree, [['a', 'b'], ['a', 'none'], ['none', 'x'], ['d', 0], []]);
  t.deepEqual(JSON.parse(JSON.stringify(tree)), { a: { c: 2 }, d: ['x'] });
});
