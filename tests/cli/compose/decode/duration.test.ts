import test from 'ava';
import { formatDuration, parseComposeDuration } from '../../../../cli/compose/decode/duration.js';

test('durations are sums of numbers with a unit', (t) => {
  for (const [text, nanoseconds] of [
    ['0', 0n],
    ['-0', 0n],
    ['1ns', 1n],
    ['2us', 2_000n],
    ['2µs', 2_000n],
    ['2μs', 2_000n],
    ['3ms', 3_000_000n],
    ['1s', 1_000_000_000n],
    ['1m30s', 90_000_000_000n],
    ['1.5h', 5_400_000_000_000n],
    ['.5s', 500_000_000n],
    ['1.s', 1_000_000_000n],
    ['2d', 172_800_000_000_000n],
    ['1w', 604_800_000_000_000n],
    ['-1s', -1_000_000_000n],
    ['+1s', 1_000_000_000n],
    ['9223372036854775807ns', 2n ** 63n - 1n],
  ] as const) {
    t.is(parseComposeDuration(text), nanoseconds);
  }
});

test('other texts and durations of more than 63 bits are refused', (t) => {
  for (const text of ['', '1', '00', 's', '1x', '1s ', ' 1s', '--1s', '1 s', '.s', '1s\n']) {
    t.is(parseComposeDuration(text), undefined);
  }
  t.is(parseComposeDuration('9223372036854775808ns'), undefined);
});

test('durations are printed as in Go', (t) => {
  for (const [nanoseconds, text] of [
    [0n, '0s'],
    [1n, '1ns'],
    [-999n, '-999ns'],
    [1_000n, '1µs'],
    [1_500n, '1.5µs'],
    [999_999n, '999.999µs'],
    [1_000_000n, '1ms'],
    [1_050_000n, '1.05ms'],
    [999_999_999n, '999.999999ms'],
    [1_000_000_000n, '1s'],
    [1_500_000_000n, '1.5s'],
    [1_000_000_001n, '1.000000001s'],
    [60_000_000_000n, '1m0s'],
    [90_000_000_000n, '1m30s'],
    [3_600_000_000_000n, '1h0m0s'],
    [-5_400_000_000_000n, '-1h30m0s'],
    [90_061_000_000_000n, '25h1m1s'],
  ] as const) {
    t.is(formatDuration(nanoseconds), text);
  }
});
