import test from 'ava';
import fc from 'fast-check';
import { placeColumns } from '../../../../../cli/dashboard/view-model/paint/columns.js';

const columns = [
  { key: 'name', width: 10, max: 30, priority: 0 },
  { key: 'state', width: 8, priority: 0 },
  { key: 'cpu', width: 5, priority: 2 },
  { key: 'io', width: 12, priority: 9 },
];

test('the least important columns are dropped first, and spare width goes to names', (t) => {
  t.deepEqual(
    placeColumns(columns, 26).map(({ key }) => key),
    ['name', 'state', 'cpu'],
  );
  t.deepEqual(placeColumns(columns, 100)[0], { key: 'name', width: 30 });
  t.is(placeColumns(columns, 10, true).length, 4);
});

test('placed columns never exceed the width of the terminal', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 19, max: 200 }), (width) => {
      const placed = placeColumns(columns, width);
      const used = placed.reduce((sum, column) => sum + column.width, 0) + placed.length - 1;
      t.true(used <= width);
    }),
  );
});
