import test from 'ava';
import { parseBytes } from '../../../../cli/compose/decode/bytes.js';

test('suffixes are powers of 1024, in any case and with an optional space', (t) => {
  const unit = 1024n;
  for (const [text, bytes] of [
    ['0', 0n],
    ['512', 512n],
    ['512b', 512n],
    ['1k', unit],
    ['1 KB', unit],
    ['2KiB', 2n * unit],
    ['3m', 3n * unit ** 2n],
    ['1G', unit ** 3n],
    ['1tb', unit ** 4n],
    ['1PiB', unit ** 5n],
    ['1.5k', 1536n],
    ['.5k', 512n],
    ['1_000', 1_000n],
    ['1_0m', 10n * unit ** 2n],
    ['1_000.5', 1_000n],
    ['+5k', 5n * unit],
    ['1e3', 1_000n],
    ['1E3k', 1_000n * unit],
    ['2e-1k', 204n],
    ['10 ', 10n],
    ['1.k', unit],
    ['0.3', 0n],
    ['8191p', 8191n * unit ** 5n],
  ] as const) {
    t.is(parseBytes(text), bytes);
  }
});

test('other texts and sizes of more than 63 bits are refused', (t) => {
  for (const text of [
    ...['', '.', 'k', '-1', '1e', '1kk', '1bi', '1ib', '1 kib ', '1  k', '1,5k', '1.2.3', '8192p'],
    ...['_1', '1_', '1__0', '1_.5', '1._5', '1k_', '_', '++1', '+-1', 'e3', '1e', '1e3.5', ' 1'],
  ]) {
    t.is(parseBytes(text), undefined);
  }
});
