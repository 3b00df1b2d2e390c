import test from 'ava';
import fc from 'fast-check';
import { Heap } from '../../../manager/scheduler/heap.js';

const before = (a: number, b: number): boolean => a < b;

function drain(heap: Heap<number>): readonly number[] {
  const popped: number[] = [];
  for (let item = heap.pop(); item !== undefined; item = heap.pop()) popped.push(item);
  return popped;
}

const sorted = (items: readonly number[]): readonly number[] => [...items].sort((a, b) => a - b);

test('items come out in order, whether given at first or pushed later', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.array(fc.integer()), (first, later) => {
      const heap = new Heap(first, before);
      for (const item of later) heap.push(item);
      t.is(heap.size, first.length + later.length);
      t.deepEqual(drain(heap), sorted([...first, ...later]));
      t.is(heap.size, 0);
    }),
  );
});

test('pushing and popping in turn keeps the order', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.integer(), { minLength: 1 }),
      fc.array(fc.integer()),
      (first, later) => {
        const heap = new Heap(first, before);
        const expected = [...first];
        for (const item of later) {
          expected.sort((a, b) => a - b);
          t.is(heap.pop(), expected.shift());
          heap.push(item);
          expected.push(item);
        }
        t.deepEqual(drain(heap), sorted(expected));
      },
    ),
  );
});

test('a heap costs few comparisons', (t) => {
  let count = 0;
  const items = Array.from({ length: 1024 }, (_, index) => 1024 - index);
  const heap = new Heap(items, (a, b) => {
    count += 1;
    return a < b;
  });
  t.true(count < 4 * 1024);
  count = 0;
  heap.push(1_000_000);
  t.is(count, 1);
  heap.push(0);
  t.true(count <= 12);
  count = 0;
  heap.pop();
  t.true(count <= 22);
});

test('an empty heap has nothing on top', (t) => {
  t.is(new Heap<number>([], before).pop(), undefined);
});
