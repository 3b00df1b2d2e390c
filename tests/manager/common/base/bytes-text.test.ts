import test from 'ava';
import { bytesText } from '../../../../manager/common/base/bytes-text.js';

test('amounts of memory are rounded down in the largest unit', (t) => {
  for (const [bytes, text] of [
    [-5, '0 B'],
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [2 ** 30 - 1, '1023.99 MiB'],
    [2 ** 40, '1 TiB'],
    [2 ** 51, '2048 TiB'],
  ] as const)
    t.is(bytesText(bytes), text);
});
