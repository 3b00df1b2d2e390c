import test from 'ava';
import fc from 'fast-check';
import { areMapKeys, byGoKey } from '../../../../cli/compose/yaml/go-order.js';

test('keys sort as docker compose prints them', (t) => {
  const expected = [
    ...['_X', '1', '01', 'A-B', 'A_B', 'A1B', 'A01', 'A2', 'A10', 'AB', 'Aa', 'B', 'a', 'a.b'],
    ...['aB', 'ab', 'é'],
  ];
  t.deepEqual([...expected].reverse().sort(byGoKey), expected);
});

test('field names keep the order of code units', (t) => {
  const field = fc.stringMatching(/^[a-z][a-z_]{0,8}$/u);
  fc.assert(
    fc.property(fc.array(field), (names) => {
      t.deepEqual([...names].sort(byGoKey), [...names].sort());
    }),
  );
});

test('the comparison is antisymmetric', (t) => {
  const key = fc.stringMatching(/^[a0_Z19]{0,6}$/u);
  fc.assert(
    fc.property(key, key, (a, b) => {
      t.is(Math.sign(byGoKey(a, b)) + Math.sign(byGoKey(b, a)), 0);
    }),
  );
});

test('fields in an order of their own are no mapping; array indices are', (t) => {
  t.false(areMapKeys(['soft', 'hard']));
  t.true(areMapKeys(['A', 'a']));
  t.true(areMapKeys(['1', '10', '01']));
});

test('an array index among the keys makes a mapping, whatever the order of the others', (t) => {
  t.true(areMapKeys(['1', 'soft', 'hard']));
  t.true(areMapKeys(['4294967295', 'b', 'a']));
  t.false(areMapKeys(['01', 'b', 'a']));
  t.false(areMapKeys(['b', '12345678901', 'a']));
  t.true(areMapKeys([]));
});

test('numbers in keys compare by value, then by their digits', (t) => {
  const expected = ['a.1', 'a_', 'a1', 'a2', 'a10', 'a10b', 'a100', 'b'];
  t.deepEqual([...expected].reverse().sort(byGoKey), expected);
});
