import test from 'ava';
import * as fc from 'fast-check';
import {
  array,
  boolean,
  branded,
  count,
  decode,
  decodeJson,
  dictionary,
  exactObject,
  integer,
  mapped,
  mustBe,
  nullable,
  number,
  object,
  oneOf,
  optional,
  orElse,
  string,
  tagged,
  type Decoder,
} from '../../../../manager/common/base/decode.js';
import { isAppError } from '../../../../manager/common/base/errors.js';

interface Item {
  readonly name: string;
  readonly count: number;
  readonly note?: string;
}

const item = object<Item>({ name: branded(), count: integer, note: optional(string) });

type Mount =
  | { readonly type: 'bind'; readonly source: string }
  | { readonly type: 'tmpfs'; readonly sizeBytes: number };

const mount = tagged<'type', Mount>('type', {
  bind: object({ source: string }),
  tmpfs: object({ sizeBytes: number }),
});

function failureOf(text: string, decoder: Decoder<unknown>): string {
  try {
    decodeJson(text, decoder, 'file.json');
  } catch (error) {
    return isAppError(error) && error.kind === 'invalid' ? error.message : String(error);
  }
  return 'no error';
}

test('a value is copied only if a decoder changes it', (t) => {
  const list = object<{ readonly items: readonly Item[]; readonly names: readonly string[] }>({
    items: array(item),
    names: orElse(array(string), []),
  });
  const whole = { items: [{ name: 'a', count: 1 }], names: ['x'] };
  t.is(decode(whole, list, 'file'), whole);
  const partial = { items: whole.items };
  const completed = decode(partial, list, 'file');
  t.deepEqual(completed, { ...partial, names: [] });
  t.is(completed.items, partial.items);
  t.deepEqual(Object.keys(partial), ['items']);
  const doubled = array(mapped(integer, (value) => (value > 1 ? value * 2 : value)));
  t.deepEqual(decode([1, 2, 3, 1], doubled, 'file'), [1, 4, 6, 1]);
  const halves = dictionary(mapped(integer, (value) => (value > 1 ? value / 2 : value)));
  t.deepEqual(decode({ a: 1, b: 4 }, halves, 'file'), { a: 1, b: 2 });
});

test('a valid value is returned with unknown fields and without absent ones', (t) => {
  t.deepEqual(decodeJson('{"name":"a","count":2,"later":[1]}', item, 'file.json'), {
    name: 'a',
    count: 2,
    later: [1],
  } as Item);
});

test('an error names source, path and need', (t) => {
  const cases: readonly (readonly [string, Decoder<unknown>, string])[] = [
    ['[{"name":"a","count":1},{"name":"b"}]', array(item), '[1].count must be an integer'],
    [
      '{"items":[{"name":"","count":1}]}',
      object({ items: array(item) }),
      'items[0].name must be a non-empty string',
    ],
    ['{"a":1e999}', dictionary(number), 'a must be a number'],
    ['{"a":1.5}', dictionary(integer), 'a must be an integer'],
    ['"yes"', boolean, 'the value must be true or false'],
    ['"c"', oneOf('a', 'b'), 'the value must be one of a, b'],
    ['[]', item, 'the value must be an object'],
    ['null', item, 'the value must be an object'],
    ['{"name":"a","count":1,"note":null}', item, 'note must be a string'],
    ['{"type":"image"}', mount, 'type must be one of bind, tmpfs'],
    ['{"type":"constructor"}', mount, 'type must be one of bind, tmpfs'],
    ['{"type":"bind"}', mount, 'source must be a string'],
    ['{"name": ', item, 'invalid JSON'],
  ];
  for (const [text, decoder, message] of cases) {
    t.is(failureOf(text, decoder), `file.json: ${message}`);
  }
});

test('the message of broken JSON does not quote the text', (t) => {
  t.is(failureOf('{"password":"hunter2"', item), 'file.json: invalid JSON');
});

test('inherited properties are not fields', (t) => {
  const decoder = object<{ readonly toString?: string }>({ toString: optional(string) });
  t.deepEqual(decode({}, decoder, 'x'), {});
});

test('null and absent values are replaced where the other side prints them for an empty list', (t) => {
  const decoder = object({ list: orElse(array(string), []), flag: nullable(boolean) });
  t.deepEqual(decode({ list: null, flag: null }, decoder, 'x'), { list: [], flag: null });
  t.deepEqual(decode({ flag: true }, decoder, 'x'), { list: [], flag: true });
});

test('every JSON value is decoded or refused as invalid', (t) => {
  const survives = fc.property(fc.jsonValue(), (value) => {
    for (const decoder of [item, mount, array(item), dictionary(number)]) {
      try {
        decode(value, decoder as Decoder<unknown>, 'x');
      } catch (error) {
        if (!isAppError(error) || error.kind !== 'invalid') return false;
      }
    }
    return true;
  });
  t.notThrows(() => {
    fc.assert(survives);
  });
});

test('an exact object names the first unknown key with its path', (t) => {
  const decoder = object({ pki: exactObject({ ca: string }) });
  t.is(failureOf('{"pki":{"ca":"a"}}', decoder), 'no error');
  t.is(
    failureOf('{"pki":{"ca":"a","crt":"b"}}', decoder),
    'file.json: pki.crt is not a known key; remove it',
  );
});

test('a count is a non-negative integer, and a conversion keeps the path in its error', (t) => {
  const even = mapped(count, (value, at) => {
    if (value % 2 === 0) return value / 2;
    throw mustBe(at, 'even');
  });
  t.is(decode({ n: 4 }, object({ n: even }), 'x').n, 2);
  t.is(failureOf('{"n":3}', object({ n: even })), 'file.json: n must be even');
  t.is(failureOf('{"n":-2}', object({ n: even })), 'file.json: n must be a non-negative integer');
});
