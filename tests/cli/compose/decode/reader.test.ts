import test from 'ava';
import { byCodeUnit, MappingReader, sorted } from '../../../../cli/compose/decode/reader.js';
import { Float, newMap, type Tree } from '../../../../cli/compose/yaml/tree.js';

/** A reader of a mapping with this value under the key `k`. */
function reading(value?: Tree): MappingReader {
  const map = newMap();
  if (value !== undefined) map.k = value;
  return new MappingReader(map, ['a'], map);
}

const mapOf = (fields: Readonly<Record<string, Tree>>): Tree => Object.assign(newMap(), fields);

test('an absent mapping is null and has no keys', (t) => {
  const absent = new MappingReader(null, [], null);
  t.true(absent.isNull());
  t.deepEqual(absent.keys(), []);
  t.false(reading().isNull());
  t.deepEqual(new MappingReader(null, [], mapOf({ b: 1, 'x-c': 2, a: null })).keys(), ['b', 'a']);
});

test('null counts as absent', (t) => {
  t.false(reading(null).has('k'));
  t.false(reading().has('k'));
  t.true(reading(false).has('k'));
  for (const value of [undefined, null]) {
    const reader = reading(value);
    t.is(reader.text('k'), undefined);
    t.is(reader.flag('k', 'keep'), undefined);
    t.is(reader.integer('k', 'keep'), undefined);
    t.is(reader.unsigned('k', 1), undefined);
    t.is(reader.single('k'), undefined);
    t.is(reader.bytes('k'), undefined);
    t.is(reader.duration('k'), undefined);
    t.is(reader.list('k'), undefined);
    t.is(reader.pairs('k'), undefined);
    t.is(reader.strings('k'), undefined);
    t.is(reader.command('k'), null);
    t.is(
      reader.nested('k', () => 1),
      undefined,
    );
    t.is(
      reader.each('k', () => 1),
      undefined,
    );
    t.is(
      reader.byName('k', () => 1),
      undefined,
    );
  }
});

test('texts are scalars, empty ones absent', (t) => {
  t.is(reading('').text('k'), undefined);
  t.is(reading(0).text('k'), '0');
  t.is(reading(new Float(3)).text('k'), '3');
  t.throws(() => reading([]).text('k'), { message: 'a.k: must be a string' });
  t.throws(() => reading(newMap()).text('k'), { message: 'a.k: must be a string' });
});

test('flags are booleans or their words; false is kept on request', (t) => {
  t.true(reading(true).flag('k'));
  t.true(reading('yes').flag('k'));
  t.is(reading(false).flag('k'), undefined);
  t.false(reading(false).flag('k', 'keep'));
  t.false(reading('off').flag('k', 'keep'));
  for (const value of ['maybe', 1, []])
    t.throws(() => reading(value).flag('k'), { message: 'a.k: must be true or false' });
});

test('integers may be texts or floats without a fraction; 0 is kept on request', (t) => {
  t.is(reading(5).integer('k'), 5);
  t.is(reading('-5').integer('k'), -5);
  t.is(reading('+5').integer('k'), 5);
  t.is(reading(new Float(3)).integer('k'), 3);
  t.is(reading(0).integer('k'), undefined);
  t.is(reading(0).integer('k', 'keep'), 0);
  t.is(reading('0').integer('k', 'keep'), 0);
});

test('other numbers are refused as integers', (t) => {
  const message = (value: Tree): string | undefined =>
    t.throws(() => reading(value).integer('k')).message;
  t.is(message('x1'), 'a.k: "x1" is not an integer');
  t.is(message('1x'), 'a.k: "1x" is not an integer');
  t.is(
    message('99999999999999999'),
    'a.k: 99999999999999999 is out of range; use a smaller number',
  );
  t.is(message(2n ** 63n), 'a.k: 9223372036854775808 is out of range; use a smaller number');
  t.is(message(new Float(Infinity)), 'a.k: +Inf is out of range; use a smaller number');
  t.is(message(1.5), 'a.k: must be an integer');
  t.is(message(true), 'a.k: must be an integer');
});

test('unsigned integers have a limit and are never texts', (t) => {
  t.is(reading(10).unsigned('k', 10), 10);
  t.is(reading(0).unsigned('k', 10), undefined);
  t.throws(() => reading(11).unsigned('k', 10), {
    message: 'a.k: 11 is out of range; use 0 to 10',
  });
  t.throws(() => reading(-1).unsigned('k', 10), {
    message: 'a.k: -1 is out of range; use 0 to 10',
  });
  t.throws(() => reading('5').unsigned('k', 10), {
    message: 'a.k: must be a whole number, not the string "5"; remove the quotes',
  });
});

test('numbers in single precision print as short as possible', (t) => {
  t.is(reading(0.1).single('k'), 0.1);
  t.is(reading(0.123456789).single('k'), 0.12345679);
  t.is(reading(16_777_217).single('k'), 16_777_216);
  t.is(reading('0.5').single('k'), 0.5);
  t.is(reading(new Float(2)).single('k'), 2);
  t.is(reading(0).single('k'), undefined);
  t.throws(() => reading('x').single('k'), { message: 'a.k: x is not a number' });
  t.throws(() => reading(new Float(Infinity)).single('k'), {
    message: 'a.k: +Inf is not a number',
  });
});

test('sizes are decimal texts; only some fields may be unlimited', (t) => {
  t.is(reading(1024).bytes('k'), '1024');
  t.is(reading(-1).bytes('k'), '-1');
  t.is(reading(0).bytes('k'), undefined);
  t.is(reading('0').bytes('k'), undefined);
  t.is(reading('1k').bytes('k'), '1024');
  t.is(reading(1.5).bytes('k'), '1');
  t.is(reading('-1').bytes('k', 'unlimited'), '-1');
  const problem = 'is not a size; write bytes or a number with b, k, m, g, t or p';
  t.throws(() => reading('-1').bytes('k'), { message: `a.k: "-1" ${problem}` });
  t.throws(() => reading('-2').bytes('k', 'unlimited'), { message: `a.k: "-2" ${problem}` });
});

test('durations are texts with a unit; zero is omitted on request', (t) => {
  t.is(reading('90s').duration('k'), '1m30s');
  t.is(reading('0s').duration('k'), '0s');
  t.is(reading('0s').duration('k', 'omit'), undefined);
  t.is(reading('1s').duration('k', 'omit'), '1s');
  for (const value of ['x', 5])
    t.throws(() => reading(value).duration('k'), {
      message: `a.k: "${String(value)}" is not a duration; write it as 10s, 1m30s or 1h`,
    });
});

test('lists are texts; a scalar is a list of one', (t) => {
  t.deepEqual(reading(['a', 1, null]).list('k'), ['a', '1', '']);
  t.deepEqual(reading('a').list('k'), ['a']);
  t.deepEqual(reading('').list('k'), ['']);
  t.is(reading([]).list('k'), undefined);
});

test('pairs come from a mapping or a list, sorted', (t) => {
  const of = (value: Tree): string => JSON.stringify(reading(value).pairs('k'));
  t.is(of(mapOf({ b: 1, a: null })), '{"a":null,"b":"1"}');
  t.is(of(['b=1=2', 'a', 'c=']), '{"a":null,"b":"1=2","c":""}');
  t.is(reading(newMap()).pairs('k'), undefined);
  t.is(reading([]).pairs('k'), undefined);
  t.is(JSON.stringify(reading(['b=1', 'a']).strings('k')), '{"a":"","b":"1"}');
  for (const item of ['b =1', 'b '])
    t.throws(() => reading(['a=1', item]).pairs('k'), {
      message: `a.k.1: variable "${item}" has a space before =; remove it`,
    });
  t.is(of(['a= 1']), '{"a":" 1"}');
});

test('commands are lists or command lines', (t) => {
  t.deepEqual(reading(['a b', 1]).command('k'), ['a b', '1']);
  t.deepEqual(reading('a "b c"').command('k'), ['a', 'b c']);
  t.deepEqual(reading([]).command('k'), []);
  t.throws(() => reading('a "b').command('k'), {
    message: 'a.k: command line has an unclosed quote or bracket; close it or write a list',
  });
});

test('nested readers know their place', (t) => {
  const inner = mapOf({ z: 'x', b: 'y' });
  t.is(
    reading(inner).nested('k', (reader) => reader.path.join('.')),
    'a.k',
  );
  t.deepEqual(
    reading([inner]).each('k', (reader) => [reader.path.join('.'), reader.text('z')]),
    [['a.k.0', 'x']],
  );
  t.is(
    reading([]).each('k', () => 1),
    undefined,
  );
  t.is(
    JSON.stringify(reading(inner).byName('k', (reader, name) => [...reader.path, name])),
    '{"b":["a","k","b","b"],"z":["a","k","z","z"]}',
  );
  t.is(
    reading(newMap()).byName('k', () => 1),
    undefined,
  );
});

test('names sort by their UTF-8 bytes', (t) => {
  const emoji = '\u{1f600}';
  const privateUse = '\ue000';
  t.is(byCodeUnit('a', 'a'), 0);
  t.true(byCodeUnit('a', 'b') < 0);
  t.true(byCodeUnit('b', 'a') > 0);
  t.true(byCodeUnit('B', 'a') < 0);
  // By UTF-16 code units the order would be the other way round.
  t.true(byCodeUnit(privateUse, emoji) < 0);
  t.true(byCodeUnit(emoji, privateUse) > 0);
  t.deepEqual(Object.keys(sorted({ b: 1, a: 2 })), ['a', 'b']);
});
