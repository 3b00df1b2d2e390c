import test from 'ava';
import fc from 'fast-check';
import { goFloat, resolvePlain, scalarText } from '../../../../cli/compose/yaml/scalar.js';
import { Float, newMap, Timestamp } from '../../../../cli/compose/yaml/tree.js';

test('only the words of YAML 1.2 are booleans and nulls', (t) => {
  for (const text of ['true', 'True', 'TRUE']) t.is(resolvePlain(text), true);
  for (const text of ['false', 'False', 'FALSE']) t.is(resolvePlain(text), false);
  for (const text of ['', '~', 'null', 'Null', 'NULL']) t.is(resolvePlain(text), null);
  for (const text of ['yes', 'no', 'on', 'y', 'tRUE', 'nULL', 'a', '_1', 'x1']) {
    t.is(resolvePlain(text), text);
  }
});

test('integers are decimal, hexadecimal, binary and octal, with signs and underscores', (t) => {
  for (const [text, value] of [
    ['0', 0],
    ['9', 9],
    ['1_000', 1000],
    ['+5', 5],
    ['-5', -5],
    ['0x1F', 31],
    ['-0Xf', -15],
    ['0b101', 5],
    ['0B1', 1],
    ['0777', 511],
    ['0o17', 15],
    ['0O7', 7],
    ['9007199254740991', 9_007_199_254_740_991],
    ['9007199254740993', 9_007_199_254_740_993n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['18446744073709551615', 2n ** 64n - 1n],
  ] as const) {
    t.is(resolvePlain(text), value);
  }
});

test('an integer beyond 64 bits is a float, digits that are none of a number are text', (t) => {
  t.deepEqual(resolvePlain('18446744073709551616'), new Float(2 ** 64));
  t.deepEqual(resolvePlain('-9223372036854775809'), new Float(-(2 ** 63)));
  t.is(resolvePlain(`0x${'0'.repeat(80)}1`), `0x${'0'.repeat(80)}1`);
  t.is(resolvePlain(`0x${'0'.repeat(77)}1`), 1);
  for (const text of ['0b2', '0xg', '1:2', '+', '-', '1 2', '0o8', '1.2.3', '-a']) {
    t.is(resolvePlain(text), text);
  }
});

test('floats without a fraction keep their type', (t) => {
  t.is(resolvePlain('1.5'), 1.5);
  t.is(resolvePlain('-0.25'), -0.25);
  t.is(resolvePlain('.5'), 0.5);
  t.is(resolvePlain('1e-1'), 0.1);
  t.is(resolvePlain('1_0.5'), 10.5);
  for (const [text, value] of [
    ['1.0', 1],
    ['3.', 3],
    ['1e3', 1000],
    ['+2E+2', 200],
    ['089', 89],
    ['.inf', Infinity],
    ['+.INF', Infinity],
    ['-.Inf', -Infinity],
    ['.NaN', NaN],
  ] as const) {
    t.deepEqual(resolvePlain(text), new Float(value));
  }
  for (const text of ['.', '.a', '.5a', '1e', 'e1']) t.is(resolvePlain(text), text);
});

test('only days that exist are dates', (t) => {
  for (const text of [
    ...['2024-01-31', '2024-2-29', '2000-02-29', '2023-02-28', '2024-04-30', '2024-06-30'],
    ...['2024-09-30', '2024-11-30', '2024-12-31', '2024-07-31', '2024-08-31', '2024-05-31'],
    ...['2024-03-31', '2024-10-31', '2024-01-01T10:20:30Z', '2024-01-01 1:2:3.5+02:00'],
  ]) {
    t.deepEqual(resolvePlain(text), new Timestamp(text));
  }
  for (const text of [
    ...['2024-00-01', '2024-13-01', '2024-01-00', '2024-01-32', '2023-02-29', '1900-02-29'],
    ...['2024-04-31', '2024-06-31', '2024-09-31', '2024-11-31', '2024-02-30', '2024-01-01T'],
  ]) {
    t.is(resolvePlain(text), text);
  }
});

test('scalars are printed as in Go', (t) => {
  const list = ['a'];
  for (const [value, text] of [
    [null, ''],
    [true, 'true'],
    [7, '7'],
    [2_000_000, '2000000'],
    [2n ** 63n, '9223372036854775808'],
    [new Float(3), '3'],
    [new Float(2_000_000), '2e+06'],
    [0.5, '0.5'],
    [new Timestamp('2024-01-01'), '2024-01-01'],
    ['text', 'text'],
    [list, 'a list'],
    [newMap(), 'a mapping'],
  ] as const) {
    t.is(scalarText(value as never), text);
  }
});

test('floats have an exponent below 1e-4 and from 1e6', (t) => {
  for (const [value, text] of [
    [NaN, 'NaN'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
    [0, '0'],
    [-0, '-0'],
    [0.0001, '0.0001'],
    [0.00012, '0.00012'],
    [0.00001, '1e-05'],
    [999_999, '999999'],
    [1_000_000, '1e+06'],
    [-1_234_567, '-1.234567e+06'],
    [1e100, '1e+100'],
    [1.5e-10, '1.5e-10'],
  ] as const) {
    t.is(goFloat(value), text);
  }
});

test('any float is printed without loss', (t) => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      t.is(Number(goFloat(value)), value);
    }),
  );
});

test('a float beyond the range of doubles is text', (t) => {
  for (const text of ['1e400', '-1e400', '1.5e999']) t.is(resolvePlain(text), text);
});
