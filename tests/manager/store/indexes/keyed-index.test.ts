import test from 'ava';
import fc from 'fast-check';
import { compareById, KeyedIndex } from '../../../../manager/store/indexes/keyed-index.js';

interface Item {
  readonly id: string;
  readonly keys: readonly string[];
}

const keys = ['x', 'y', 'z'];

const anyItem: fc.Arbitrary<Item> = fc.record({
  id: fc.constantFrom('a', 'b', 'c', 'd'),
  keys: fc.subarray(keys),
});

/** Replaces the item with the same id, or removes it if `keys` is empty and it exists. */
const anySteps = fc.array(fc.record({ item: anyItem, removes: fc.boolean() }), { maxLength: 20 });

test('a list has exactly the items with its key, sorted by id, after any changes', (t) => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const index = new KeyedIndex<Item>((item) => item.keys);
      const items = new Map<string, Item>();
      for (const { item, removes } of steps) {
        index.change(items.get(item.id), removes ? undefined : item);
        if (removes) items.delete(item.id);
        else items.set(item.id, item);
        for (const key of keys) {
          const expected = [...items.values()]
            .filter((known) => known.keys.includes(key))
            .sort((a, b) => (a.id < b.id ? -1 : 1));
          t.deepEqual(index.list(key), expected);
        }
      }
    }),
  );
});

test('a list that was read stays as it was, and an unchanged one is the same object', (t) => {
  const index = new KeyedIndex<Item>((item) => item.keys);
  const [a, b] = [
    { id: 'a', keys: ['x'] },
    { id: 'b', keys: ['x', 'y'] },
  ] as const;
  index.change(undefined, b);
  const before = index.list('x');
  t.is(index.list('x'), before);
  index.change(undefined, a);
  t.deepEqual(before, [b]);
  const both = index.list('x');
  t.deepEqual(both, [a, b]);
  index.change(b, undefined);
  t.deepEqual(both, [a, b]);
  t.deepEqual(index.list('x'), [a]);
});

test('a change of an item that the index does not have does nothing', (t) => {
  const index = new KeyedIndex<Item>((item) => item.keys);
  index.change({ id: 'a', keys: ['x'] }, undefined);
  index.change(undefined, undefined);
  t.deepEqual(index.list('x'), []);
});

test('a key whose last item is gone is as one that never had any', (t) => {
  const index = new KeyedIndex<Item>((item) => item.keys);
  const item = { id: 'a', keys: ['x'] };
  index.change(undefined, item);
  index.change(item, undefined);
  t.is(index.list('x'), index.list('never used'));
});

test('ids are compared by their characters', (t) => {
  t.is(compareById({ id: 'a' }, { id: 'b' }), -1);
  t.is(compareById({ id: 'b' }, { id: 'a' }), 1);
  t.is(compareById({ id: 'a' }, { id: 'a' }), 0);
});
