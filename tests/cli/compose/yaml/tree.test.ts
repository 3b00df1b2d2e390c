import test from 'ava';
import {
  cloneTree,
  containerMark,
  findMark,
  Float,
  isList,
  isMap,
  itemsOf,
  keyMark,
  listFromItems,
  newList,
  newMap,
  pathText,
  putWithMark,
  resolvePosition,
  setKeyFinder,
  setMark,
  Timestamp,
  treesEqual,
  valueAt,
  withItemMarks,
  withMark,
  type SourceMark,
  type Tree,
  type TreeMap,
} from '../../../../cli/compose/yaml/tree.js';

const source = { file: 'f.yaml', text: 'one\ntwo\n\nfour' };
const at = (offset: number, key?: string | number): SourceMark => ({
  source,
  offset,
  ...(key === undefined ? {} : { key }),
});

/** A mapping without marks. */
function mapOf(entries: Readonly<Record<string, Tree>>): TreeMap {
  return Object.assign(newMap(), entries);
}

test('mappings, lists and scalars are told apart', (t) => {
  const scalars: Tree[] = [null, true, 1, 1n, 'x', new Float(3), new Timestamp('2020-01-01')];
  for (const scalar of scalars) t.false(isMap(scalar) || isList(scalar));
  t.true(isMap(newMap()) && !isList(newMap()));
  t.true(isList([]) && !isMap([]));
  t.false(isMap(undefined));
  t.is(Object.getPrototypeOf(newMap()), null);
});

test('a position is a line and a column that count from 1', (t) => {
  for (const [offset, line, column] of [
    [0, 1, 1],
    [3, 1, 4],
    [4, 2, 1],
    [8, 3, 1],
    [9, 4, 1],
    [12, 4, 4],
  ] as const) {
    t.deepEqual(resolvePosition(at(offset)), { file: 'f.yaml', line, column });
  }
  t.is(resolvePosition(undefined), undefined);
});

test('a key is found by the finder of its source, else its container is shown', (t) => {
  const own = { file: 'f.yaml', text: 'a\nb\n' };
  const mark = { source: own, offset: 0, key: 'k' };
  t.like(resolvePosition(mark), { line: 1 });
  setKeyFinder(own, (container, key) => (container === 0 && key === 'k' ? 2 : undefined));
  t.like(resolvePosition(mark), { line: 2 });
  t.like(resolvePosition({ ...mark, key: 'other' }), { line: 1 });
  t.like(resolvePosition({ source: own, offset: 0 }), { line: 1 });
});

test('a key has its own mark, or that of its container with the key', (t) => {
  const map = newMap(at(4));
  t.deepEqual(keyMark(map, 'a'), at(4, 'a'));
  setMark(map, 'a', at(9));
  t.deepEqual(keyMark(map, 'a'), at(9));
  t.deepEqual(keyMark(map, 'b'), at(4, 'b'));
  setMark(map, 'a', undefined);
  t.deepEqual(keyMark(map, 'a'), at(9), 'no mark changes nothing');
  t.is(keyMark(newMap(), 'a'), undefined);
  // A short form stands at one key: all keys of its long form are there.
  t.deepEqual(keyMark(withMark(newMap(), at(4, 'ports')), 'target'), at(4, 'ports'));
});

test('a container without a position may have keys with one', (t) => {
  const map = newMap();
  t.is(containerMark(map), undefined);
  setMark(map, 'a', at(4));
  t.deepEqual(keyMark(map, 'a'), at(4));
  t.is(keyMark(map, 'b'), undefined);
  t.is(containerMark(map), undefined);
});

test('a container keeps the first position that it gets', (t) => {
  const map = newMap(at(0));
  withMark(map, at(4));
  t.deepEqual(containerMark(map), at(0));
  t.deepEqual(containerMark(withMark(newList(), at(4))), at(4));
  t.is(containerMark(withMark(newList(), undefined)), undefined);
});

test('keys and items move with their positions', (t) => {
  const from = newMap(at(4));
  const target = newMap(at(0));
  putWithMark(target, 'a', 1, from);
  t.is(target.a, 1);
  t.deepEqual(keyMark(target, 'a'), at(4, 'a'));
  const list = listFromItems(
    [
      { value: 'x', mark: at(4) },
      { value: 'y', mark: undefined },
    ],
    at(0),
  );
  t.deepEqual([...list], ['x', 'y']);
  t.deepEqual(itemsOf(list), [
    { value: 'x', mark: at(4) },
    { value: 'y', mark: at(0, 1) },
  ]);
  t.deepEqual(itemsOf(withItemMarks(list, ['v', 'w'])), [
    { value: 'v', mark: at(4) },
    { value: 'w', mark: at(0, 1) },
  ]);
  t.deepEqual(itemsOf(['z']), [{ value: 'z', mark: undefined }]);
});

test('a clone has the values and positions, and shares neither', (t) => {
  const inner = Object.assign(newList(at(4)), ['x']);
  const map = newMap(at(0));
  map.list = inner;
  map.float = new Float(3);
  setMark(map, 'list', at(9));
  const copy = cloneTree(map) as TreeMap;
  t.true(treesEqual(copy, map));
  t.deepEqual(keyMark(copy, 'list'), at(9));
  t.deepEqual(containerMark(copy.list as object), at(4));
  setMark(copy, 'list', at(12));
  (copy.list as Tree[]).push('y');
  t.deepEqual(keyMark(map, 'list'), at(9));
  t.deepEqual([...inner], ['x']);
  t.is(containerMark(cloneTree(newMap()) as object), undefined);
});

test('the mark of a path is that of its deepest known part', (t) => {
  const root = newMap(at(0));
  const inner = newMap();
  root.a = inner;
  inner.b = Object.assign(newList(at(9)), ['x']);
  t.deepEqual(findMark(root, []), at(0));
  t.deepEqual(findMark(root, ['a']), at(0, 'a'));
  t.deepEqual(findMark(root, ['a', 'b']), at(0, 'a'));
  t.deepEqual(findMark(root, ['a', 'b', 0]), at(9, 0));
  t.deepEqual(findMark(root, ['a', 'b', 0, 'deeper']), at(9, 0));
  t.is(findMark('text', ['a']), undefined);
  t.is(findMark(null, ['a']), undefined);
  const bare = mapOf({ a: newMap(at(4)) });
  t.deepEqual(findMark(bare, ['a']), at(4), 'the container itself where its key is unknown');
});

test('trees are equal by value, whatever their order of keys and positions', (t) => {
  t.true(treesEqual(mapOf({ a: 1, b: [2] }), mapOf({ b: [2], a: 1 })));
  t.false(treesEqual(mapOf({ a: 1 }), mapOf({ a: 1, b: 2 })));
  t.false(treesEqual(mapOf({ a: 1 }), mapOf({ b: 1 })));
  t.true(treesEqual([1, [2]], [1, [2]]));
  t.false(treesEqual([1], [1, 2]));
  t.false(treesEqual([1, 2], [2, 1]));
  t.false(treesEqual([], newMap()));
  t.true(treesEqual(new Float(3), new Float(3)));
  t.false(treesEqual(new Float(3), new Float(4)));
  t.false(treesEqual(new Float(3), 3));
  t.false(treesEqual(null, undefined));
  t.true(treesEqual(undefined, undefined));
});

test('values are found by path', (t) => {
  const root = mapOf({ a: [mapOf({ b: 5 })] });
  t.is(valueAt(root, ['a', 0, 'b']), 5);
  t.is(valueAt(root, []), root);
  t.is(valueAt(root, ['a', 1]), undefined);
  t.is(valueAt(root, ['a', 0, 'b', 'c']), undefined);
  t.is(valueAt(null, ['a']), undefined);
  t.is(pathText(['a', 0, 'b']), 'a.0.b');
});
