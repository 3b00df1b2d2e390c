import test from 'ava';
import type { Cast } from '../../../../cli/compose/interpolation/cast.js';
import { castText, parseBoolean } from '../../../../cli/compose/interpolation/cast.js';
import { Float, type Tree } from '../../../../cli/compose/yaml/tree.js';

function cast(text: string, type: Cast): { readonly value: Tree; readonly warnings: string[] } {
  const warnings: string[] = [];
  const value = castText(text, type, (message) => warnings.push(message));
  return { value, warnings };
}

test('booleans are those of YAML 1.1 in any case; other words than true and false are warned of', (t) => {
  for (const text of ['true', 'TRUE', 'y', 'Yes', 'on']) t.is(parseBoolean(text), true);
  for (const text of ['false', 'False', 'n', 'NO', 'off']) t.is(parseBoolean(text), false);
  for (const text of ['', '1', 'constructor', 'truee']) t.is(parseBoolean(text), undefined);
  t.deepEqual(cast('True', 'bool'), { value: true, warnings: [] });
  t.deepEqual(cast('off', 'bool'), {
    value: false,
    warnings: ['"off" for a boolean is not YAML 1.2; write false'],
  });
  t.throws(() => cast('1', 'bool'), { message: 'invalid boolean "1"; write true or false' });
});

test('integers have 64 bits and no fraction', (t) => {
  for (const [text, value] of [
    ['0', 0],
    ['+7', 7],
    ['-7', -7],
    ['007', 7],
    ['9007199254740993', 9_007_199_254_740_993n],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
  ] as const) {
    t.is(cast(text, 'int').value, value);
  }
  for (const text of ['', '1.0', '0x1', ' 1', '1 ', '--1']) {
    t.throws(() => cast(text, 'int'), { message: `"${text}" is not an integer` });
  }
  for (const text of ['9223372036854775808', '-9223372036854775809', '1'.repeat(41)]) {
    t.throws(() => cast(text, 'int'), {
      message: `"${text}" is out of range; use a 64-bit integer`,
    });
  }
  t.is(cast(`${'0'.repeat(39)}1`, 'int').value, 1);
});

test('floats without a fraction keep their type', (t) => {
  t.is(cast('0.5', 'float').value, 0.5);
  t.is(cast('-.5', 'float').value, -0.5);
  t.is(cast('1e-1', 'float').value, 0.1);
  t.deepEqual(cast('2', 'float').value, new Float(2));
  t.deepEqual(cast('2.', 'float').value, new Float(2));
  for (const text of ['', '.', '1e', 'NaN', ' 1']) {
    t.throws(() => cast(text, 'float'), { message: `"${text}" is not a number` });
  }
});
