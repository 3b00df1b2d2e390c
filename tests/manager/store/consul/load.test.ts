import test from 'ava';
import fc from 'fast-check';
import { encodeObject, partKey } from '../../../../manager/store/consul/keys.js';
import type { LoadedObjects } from '../../../../manager/store/consul/load.js';
import {
  forEachConcurrent,
  loadObject,
  loadObjects,
  splitPrefixes,
} from '../../../../manager/store/consul/load.js';
import { MemoryKv } from '../../../helpers/fakes/memory-kv.js';

const root = 'shoal/test/';

function store(kv: MemoryKv, name: string, value: object): void {
  const { parts, flags } = encodeObject(name, value);
  for (const [at, part] of parts.entries()) {
    if (at === 0) kv.set(root + name, part, flags);
    else kv.set(root + partKey(name, at), part);
  }
}

async function load(kv: MemoryKv): Promise<LoadedObjects> {
  return loadObjects(kv, root, await kv.keys(root));
}

const big = { id: 'big', text: 'x'.repeat(600_000) };

test('objects are read with their parts, table and the state of every key', async (t) => {
  const kv = new MemoryKv();
  store(kv, 'nodes/n1', { id: 'n1' });
  store(kv, 'leases/port/n1/tcp/80/', { id: 'port/n1/tcp/80/' });
  store(kv, 'services/big', big);
  for (const name of ['meta', 'leader', 'journal/commit', 'journal/b1/0']) kv.set(root + name, '');
  const { records, known, leftovers } = await load(kv);
  t.deepEqual(
    [...records].sort((a, b) => (a.table < b.table ? -1 : 1)),
    [
      { table: 'leases', value: { id: 'port/n1/tcp/80/' } },
      { table: 'nodes', value: { id: 'n1' } },
      { table: 'services', value: big },
    ],
  );
  t.deepEqual([...known.keys()].sort(), [
    ...['leases/port/n1/tcp/80/', 'nodes/n1', 'parts/1/services/big'],
    ...['parts/2/services/big', 'services/big'],
  ]);
  for (const [name, { index, flags }] of known) {
    const entry = kv.entries.get(root + name);
    t.deepEqual([index, flags], [entry?.index, entry?.flags] as never);
  }
  t.deepEqual(leftovers, []);
});

test('parts that no object has are left over', async (t) => {
  const kv = new MemoryKv();
  store(kv, 'services/big', big);
  kv.set(`${root}parts/3/services/big`, '');
  kv.set(`${root}parts/1/services/gone`, '');
  const { leftovers } = await load(kv);
  t.deepEqual([...leftovers].sort(), ['parts/1/services/gone', 'parts/3/services/big']);
});

test('a foreign key is refused, also one that begins like one of ours', async (t) => {
  for (const name of ['app/config', 'meta/x', 'leader2', 'journalx', 'routes/r1', 'nodes']) {
    const kv = new MemoryKv();
    kv.set(root + name, '');
    await t.throwsAsync(load(kv), {
      message: `consul key ${root}${name}: was not written by shoal; remove it or choose another prefix`,
    });
  }
});

test('an object that was changed by hand or misses a part is refused', async (t) => {
  const message = (name: string): string =>
    `consul key ${root}${name}: value was changed by hand or is damaged; restore or remove the key`;
  const changed = new MemoryKv();
  changed.set(`${root}nodes/n1`, '{"id":"n1"}');
  await t.throwsAsync(load(changed), { message: message('nodes/n1') });
  const short = new MemoryKv();
  store(short, 'services/big', big);
  short.entries.delete(`${root}parts/2/services/big`);
  await t.throwsAsync(load(short), { message: message('services/big') });
});

test('one object is read alone; undefined if it is absent, incomplete or damaged', async (t) => {
  const kv = new MemoryKv();
  store(kv, 'nodes/n1', { id: 'n1' });
  store(kv, 'services/big', big);
  t.deepEqual(await loadObject(kv, root, 'nodes/n1'), { id: 'n1' });
  t.deepEqual(await loadObject(kv, root, 'services/big'), big);
  t.is(await loadObject(kv, root, 'nodes/n2'), undefined);
  kv.entries.delete(`${root}parts/1/services/big`);
  t.is(await loadObject(kv, root, 'services/big'), undefined);
  kv.set(`${root}nodes/n1`, '{"id":"n2"}', 1);
  t.is(await loadObject(kv, root, 'nodes/n1'), undefined);
});

test('nothing is read without keys', async (t) => {
  const kv = new MemoryKv();
  const { records, known } = await load(kv);
  t.deepEqual([records, known.size, kv.listed], [[], 0, []]);
});

test('each table is read by a prefix of its own', async (t) => {
  const kv = new MemoryKv();
  for (const name of ['nodes/a', 'nodes/b', 'tasks/a']) store(kv, name, { id: name });
  await load(kv);
  t.deepEqual([...kv.listed].sort(), [`${root}nodes/`, `${root}tasks/`]);
});

test('a table of more than 4,000 objects is read in several requests', async (t) => {
  const kv = new MemoryKv();
  for (let n = 0; n < 4_001; n += 1) store(kv, `nodes/${n % 2}${n}`, { n });
  const { records } = await load(kv);
  t.is(records.length, 4_001);
  t.deepEqual([...kv.listed].sort(), [`${root}nodes/0`, `${root}nodes/1`]);
});

const anyNames = fc.uniqueArray(
  fc
    .tuple(fc.constantFrom('a', 'b'), fc.stringMatching(/^[xy]{1,6}$/))
    .map(([table, id]) => `${table}/${id}`),
  { maxLength: 30 },
);

test('every name is below exactly one prefix, and a prefix has few names unless one is equal to it', (t) => {
  fc.assert(
    fc.property(anyNames, fc.integer({ min: 1, max: 5 }), (names, limit) => {
      const prefixes = splitPrefixes(names, '', limit);
      t.is(new Set(prefixes).size, prefixes.length);
      for (const name of names) {
        t.is(prefixes.filter((prefix) => name.startsWith(prefix)).length, 1);
      }
      for (const prefix of prefixes) {
        const below = names.filter((name) => name.startsWith(prefix));
        t.true(below.length >= 1);
        t.true(below.length <= limit || names.includes(prefix));
        t.true(prefix.length >= 2 && prefix[1] === '/');
      }
    }),
  );
});

test('a table within the limit is one prefix, above it is split by its next characters', (t) => {
  const names = ['a/xx', 'a/xy', 'a/y'];
  t.deepEqual(splitPrefixes(names, '', 3), ['a/']);
  t.deepEqual(splitPrefixes(names, '', 2), ['a/x', 'a/y']);
  t.deepEqual(splitPrefixes(names, '', 1), ['a/xx', 'a/xy', 'a/y']);
  t.deepEqual(splitPrefixes(['a/x', 'a/xy', 'a/xz'], '', 1), ['a/x']);
});

/** Lets every callback that is due run. */
const settle = (): Promise<void> => new Promise(setImmediate);

test('work runs on every item once, at most so many at a time', async (t) => {
  const ends: (() => void)[] = [];
  const started: number[] = [];
  const all = forEachConcurrent([1, 2, 3, 4, 5], 2, (item) => {
    started.push(item);
    return new Promise<void>((resolve) => ends.push(resolve));
  });
  await settle();
  t.deepEqual(started, [1, 2]);
  for (let at = 0; at < 5; at += 1) {
    ends[at]?.();
    await settle();
    t.is(started.length, Math.min(5, at + 3));
  }
  await all;
  t.deepEqual(started, [1, 2, 3, 4, 5]);
  await t.notThrowsAsync(forEachConcurrent([], 2, () => Promise.reject(new Error('never'))));
});

test('the first error ends the work: no further item is started', async (t) => {
  const started: number[] = [];
  let end = (): void => undefined;
  const all = forEachConcurrent([1, 2, 3, 4], 2, (item) => {
    started.push(item);
    if (item === 2) return Promise.reject(new Error('bad item'));
    return new Promise<void>((resolve) => {
      end = resolve;
    });
  });
  await t.throwsAsync(all, { message: 'bad item' });
  end();
  await settle();
  t.deepEqual(started, [1, 2]);
});
