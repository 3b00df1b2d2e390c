import { randomInt } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { drawVni } from '../../../manager/allocator/vni.js';

const none = new Set<number>();
const last = 2 ** 24 - 1;
const size = last - 4096 + 1;

test('every VNI from 4096 up can be drawn', (t) => {
  const asked: number[] = [];
  const draw = (number: number) =>
    drawVni(none, (below) => {
      asked.push(below);
      return number;
    });
  t.is(draw(0), 4096);
  t.is(draw(1000), 5096);
  t.is(draw(size - 1), last);
  t.deepEqual(asked, [size, size, size]);
});

test('used VNIs are skipped, also across the end', (t) => {
  t.is(
    drawVni(new Set([4097, 4098]), () => 1),
    4099,
  );
  t.is(
    drawVni(new Set([last, 4096]), () => size - 1),
    4097,
  );
});

test('every VNI is tried before none is free', (t) => {
  t.is(
    drawVni({ has: (vni) => vni !== 4096 }, () => 1),
    4096,
  );
  t.is(
    drawVni({ has: () => true }, () => 0),
    undefined,
  );
});

test('drawn VNIs are free and valid, whatever is taken', (t) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 4096, max: 4200 })),
      fc.nat(size - 1),
      (used, at) => {
        const taken = new Set(used);
        const vni = drawVni(taken, () => at) ?? 0;
        return vni >= 4096 && vni <= last && !taken.has(vni);
      },
    ),
  );
  t.pass();
});

test('one VNI does not tell the next', (t) => {
  const drawn = Array.from({ length: 200 }, () => drawVni(none, randomInt) ?? 0);
  const near = drawn.filter((vni, at) => Math.abs(vni - (drawn[at - 1] ?? 0)) < 16);
  t.true(near.length < 5);
  // 200 numbers in the lower half of the range have a probability of 2^-200.
  t.true(Math.max(...drawn) > size / 2);
});
