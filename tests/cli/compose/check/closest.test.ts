import test from 'ava';
import { closest } from '../../../../cli/compose/check/closest.js';

test('a word with few different letters is suggested', (t) => {
  t.is(closest('imge', ['build', 'image']), 'image');
  t.is(closest('imgae', ['image']), 'image', 'two transposed letters');
  t.is(closest('images', ['image']), 'image');
  t.is(closest('comand', ['configs', 'command']), 'command');
  t.is(closest('enviromnet', ['environment']), 'environment');
});

test('the nearest word is suggested, the first of equals', (t) => {
  t.is(closest('port', ['ports', 'sort', 'port_x']), 'ports');
  t.is(closest('abcd', ['abxy', 'abcx']), 'abcx');
});

test('a short word may differ in one letter, a longer one in a third of them', (t) => {
  t.is(closest('tyy', ['tty']), 'tty');
  t.is(closest('txx', ['tty']), undefined);
  t.is(closest('dxs', ['dns']), 'dns');
  t.is(closest('imxx', ['imag']), 'imag');
  t.is(closest('ixxx', ['imag']), undefined);
  t.is(closest('abcdefghi', ['abcdefxyz']), 'abcdefxyz');
  t.is(closest('abcdefghi', ['abcdewxyz']), undefined);
});

test('words of other lengths and very long ones are not compared', (t) => {
  t.is(closest('a'.repeat(30), ['a'.repeat(39)]), undefined);
  t.is(closest('a'.repeat(30), ['a'.repeat(38)]), 'a'.repeat(38));
  t.is(closest('a'.repeat(65), ['a'.repeat(64)]), undefined);
  t.is(closest('a'.repeat(64), ['a'.repeat(63)]), 'a'.repeat(63));
  t.is(closest('x', []), undefined);
});
