import test from 'ava';
import fc from 'fast-check';
import { isInvalid } from '../../../../manager/common/base/errors.js';
import {
  decodeObject,
  encodeObject,
  maxObjectBytes,
  maxPartBytes,
  objectKey,
  partCountOf,
  partKey,
} from '../../../../manager/store/consul/keys.js';

/** An object whose JSON has this many bytes. */
function objectOf(bytes: number): { readonly text: string } {
  return { text: 'x'.repeat(bytes - '{"text":""}'.length) };
}

test('keys have the table, the id and for further parts their number', (t) => {
  t.is(objectKey('nodes', 'n1'), 'nodes/n1');
  t.is(partKey('nodes/n1', 2), 'parts/2/nodes/n1');
});

test('any object is decoded from its parts', (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const { parts, flags } = encodeObject('nodes/n1', value);
      t.is(partCountOf(flags), 0);
      t.deepEqual(decodeObject(Buffer.concat(parts), flags), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('an object has as many parts as its size needs', (t) => {
  for (const [bytes, count] of [
    [maxPartBytes, 1],
    [maxPartBytes + 1, 2],
    [2 * maxPartBytes, 2],
    [2 * maxPartBytes + 1, 3],
  ] as const) {
    const value = objectOf(bytes);
    const { parts, flags } = encodeObject('nodes/n1', value);
    t.is(parts.length, count);
    t.is(partCountOf(flags), count - 1);
    t.true(parts.every(({ length }) => length <= maxPartBytes));
    t.deepEqual(decodeObject(Buffer.concat(parts), flags), value);
  }
});

test('an object above eight mebibytes is refused', (t) => {
  t.is(encodeObject('nodes/n1', objectOf(maxObjectBytes)).parts.length, 32);
  const error = t.throws(() => encodeObject('nodes/n1', objectOf(maxObjectBytes + 1)));
  t.true(isInvalid(error));
  t.is(error.message, 'nodes/n1: object has 8388609 bytes, the limit in consul is 8388608');
});

test('bytes or flags that were changed are detected', (t) => {
  const { parts, flags } = encodeObject('nodes/n1', { id: 'n1' });
  const bytes = Buffer.concat(parts);
  t.is(decodeObject(bytes, flags + 1), undefined);
  t.is(decodeObject(bytes, 0), undefined);
  t.is(decodeObject(Buffer.concat([bytes, Buffer.from(' ')]), flags), undefined);
  t.deepEqual(decodeObject(bytes, flags + 3 * 2 ** 32), { id: 'n1' });
  t.is(partCountOf(flags + 3 * 2 ** 32), 3);
});
