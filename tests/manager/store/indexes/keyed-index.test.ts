import test from 'ava';
import fc from 'fast-check';
import { KeyedIndex } from '../../../../manager/store/indexes/keyed-index.js';

interface Item {
  readonly id: string;
  readonly keys: readonly string[];
}

const keys = ['x', 'y', 'z'];

/** An index over a table of items. */
function indexed(): {
  readonly index: KeyedIndex<Item>;
  readonly items: Map<string, Item>;
  readonly change: (before: Item | undefined, after: Item | undefined) => void;
} {
  const items = new Map<string, Item>();
  const index = new KeyedIndex<Item>(
    (item) => item.keys,
    (id) => items.get(id),
  );
  const change = (before: Item | undefined, after: Item | undefined): void => {
    index.change(before, after);
    if (after !== undefined) items.set(after.id, after);
    else if (before !== undefined) items.delete(before.id);
  };
  return { index, items, change };
}

const anyItem: fc.Arbitrary<Item> = fc.record({
  id: fc.constantFrom('a', 'b', 'c', 'd'),
  keys: fc.subarray(keys),
});

/** Replaces the item with the same id, or removes it if `keys` is empty and it exists. */
const anySteps = fc.array(fc.record({ item: anyItem, removes: fc.boolean() }), { maxLength: 20 });

test('a list has exactly the items with its key, sorted by id, after any changes', (t) => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const { index, items, change } = indexed();
      for (const { item, removes } of steps) {
        change(items.get(item.id), removes ? undefined : item);
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

test('a list that was read stays as it was', (t) => {
  const { index, change } = indexed();
  const [a, b] = [
    { id: 'a', keys: ['x'] },
    { id: 'b', keys: ['x', 'y'] },
  ] as const;
  change(undefined, b);
  const before = index.list('x');
  change(undefined, a);
  t.deepEqual(before, [b]);
  const both = index.list('x');
  t.deepEqual(both, [a, b]);
  change(b, undefined);
  t.deepEqual(both, [a, b]);
  t.deepEqual(index.list('x'), [a]);
});

test('a change of an item that the index does not have does nothing', (t) => {
  const { index, change } = indexed();
  change({ id: 'a', keys: ['x'] }, undefined);
  change(undefined, undefined);
  t.deepEqual(index.list('x'), []);
});

test('a key whose last item is gone is as one that never had any', (t) => {
  const { index, change } = indexed();
  const item = { id: 'a', keys: ['x'] };
  change(undefined, item);
  change(item, undefined);
  t.is(index.list('x'), index.list('never used'));
});
