import test from 'ava';
import { array, fields } from '../../../manager/common/base/decode.js';
import { Args } from '../../../manager/control/args.js';

test('absent and null fields have defaults', (t) => {
  const args = new Args('call', { flag: null, texts: null, object: null });
  t.false(args.flag('flag'));
  t.is(args.optionalText('text'), undefined);
  t.is(args.count('count'), undefined);
  t.deepEqual(args.texts('texts'), []);
  t.deepEqual(args.object('object'), {});
});

test('valid fields are returned', (t) => {
  const value = { name: 'web', on: true, many: 3, list: ['a'], rows: [{ x: 1 }], map: { y: 2 } };
  const args = new Args('call', value);
  t.is(args.text('name'), 'web');
  t.true(args.flag('on'));
  t.is(args.count('many'), 3);
  t.deepEqual(args.texts('list'), ['a']);
  t.deepEqual(args.field('rows', array(fields)), [{ x: 1 }]);
  t.deepEqual(args.object('map'), { y: 2 });
});

for (const [title, value] of [
  ['null', null],
  ['a list', []],
  ['text', 'text'],
  ['undefined', undefined],
] as const) {
  test(`arguments that are ${title} are rejected`, (t) => {
    t.is(t.throws(() => new Args('call', value)).message, 'call: arguments must be an object');
  });
}

for (const [title, read, message] of [
  ['an empty text', (args: Args) => args.text('empty'), 'empty must be a non-empty string'],
  ['a missing text', (args: Args) => args.text('none'), 'none must be a non-empty string'],
  ['a number as text', (args: Args) => args.optionalText('one'), 'one must be a non-empty string'],
  ['a number as flag', (args: Args) => args.flag('one'), 'one must be true or false'],
  ['a negative count', (args: Args) => args.count('low'), 'low must be a non-negative integer'],
  ['a mixed list', (args: Args) => args.texts('mixed'), 'mixed[1] must be a string'],
  [
    'a list of texts',
    (args: Args) => args.field('mixed', array(fields)),
    'mixed[0] must be an object',
  ],
  ['a list as object', (args: Args) => args.object('mixed'), 'mixed must be an object'],
] as const) {
  test(`${title} is rejected with its name`, (t) => {
    const args = new Args('call', { empty: '', one: 1, low: -1, mixed: ['a', 1] });
    t.is(t.throws(() => read(args)).message, `call: ${message}`);
  });
}
