import test from 'ava';
import { nextVni } from '../../../manager/allocator/vni.js';

const none = new Set<number>();
const last = 2 ** 24 - 1;

test('VNIs start at 4096, and each follows the last one', (t) => {
  for (const [after, next] of [
    [0, 4096],
    [4095, 4096],
    [4096, 4097],
    [last - 1, last],
    [last, 4096],
  ] as const)
    t.is(nextVni(none, after), next);
});

test('used VNIs are skipped, also across the end', (t) => {
  t.is(nextVni(new Set([4097, 4098]), 4096), 4099);
  t.is(nextVni(new Set([last, 4096]), last - 1), 4097);
});

test('every VNI is tried before none is free', (t) => {
  t.is(nextVni({ has: (vni) => vni !== 4096 }, 4096), 4096);
  t.is(nextVni({ has: (vni) => vni !== last }, 0), last);
  t.is(nextVni({ has: () => true }, 0), undefined);
});
