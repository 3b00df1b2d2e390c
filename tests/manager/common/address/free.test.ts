import test from 'ava';
import fc from 'fast-check';
import type { Cidr } from '../../../../manager/common/address/cidr.js';
import {
  enclosingCidr,
  covers,
  formatCidr,
  hostRange,
  overlaps,
  parseCidr,
} from '../../../../manager/common/address/cidr.js';
import { nextFree, nextFreeBlock } from '../../../../manager/common/address/free.js';
import { formatIp, parseIp } from '../../../../manager/common/address/ip.js';

const smallBlock = fc
  .tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 26, max: 32 }))
  .map(([ip, prefix]) => enclosingCidr(ip, prefix));

test('nextFree returns each host of a block once, then undefined', (t) => {
  t.notThrows(() => {
    fc.assert(
      fc.property(smallBlock, fc.integer({ min: 0, max: 70 }), (cidr, offset) => {
        const { first, last } = hostRange(cidr);
        const taken = new Set<number>();
        let from: number | undefined = cidr.base + offset;
        for (;;) {
          const ip = nextFree(cidr, taken, from);
          if (ip === undefined) break;
          if (taken.has(ip) || ip < first || ip > last) return false;
          taken.add(ip);
          from = ip + 1;
        }
        return taken.size === last - first + 1;
      }),
    );
  });
});

test('nextFree starts at the given address and wraps around to the first host', (t) => {
  const cidr = parseCidr('10.0.0.0/29');
  const taken = new Set(['10.0.0.5', '10.0.0.6'].map(parseIp));
  t.is(nextFree(cidr, taken, parseIp('10.0.0.4')), parseIp('10.0.0.4'));
  t.is(nextFree(cidr, taken, parseIp('10.0.0.5')), parseIp('10.0.0.1'));
  t.is(nextFree(cidr, taken, parseIp('192.168.0.1')), parseIp('10.0.0.1'));
});

test('nextFree does not reuse a just freed address next', (t) => {
  const cidr = parseCidr('10.0.0.0/24');
  const last = nextFree(cidr, new Set());
  t.is(last, parseIp('10.0.0.1'));
  t.is(formatIp(nextFree(cidr, new Set(), parseIp('10.0.0.1') + 1) ?? 0), '10.0.0.2');
});

test('nextFreeBlock returns blocks inside the pool without overlaps, and undefined only if none fits', (t) => {
  const pool = parseCidr('10.0.0.0/26');
  const inPool = fc
    .tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 27, max: 32 }))
    .map(([offset, prefix]) => enclosingCidr(pool.base + offset, prefix));
  t.notThrows(() => {
    fc.assert(
      fc.property(
        fc.array(inPool, { maxLength: 12 }),
        fc.integer({ min: 26, max: 32 }),
        (taken, prefix) => {
          const found = nextFreeBlock(pool, prefix, taken);
          const fits: Cidr[] = [];
          for (let offset = 0; offset < 64; offset += 2 ** (32 - prefix)) {
            const candidate = enclosingCidr(pool.base + offset, prefix);
            if (!taken.some((block) => overlaps(block, candidate))) fits.push(candidate);
          }
          const first = fits[0];
          return found === undefined || first === undefined
            ? found === first
            : covers(pool, found) && formatCidr(found) === formatCidr(first);
        },
      ),
      { numRuns: 500 },
    );
  });
});

test('a taken block that covers the pool leaves no free block', (t) => {
  t.is(nextFreeBlock(parseCidr('10.0.0.0/16'), 24, [parseCidr('10.0.0.0/8')]), undefined);
  t.is(nextFreeBlock(parseCidr('10.0.0.0/24'), 16, []), undefined);
});
