import test from 'ava';
import fc from 'fast-check';
import {
  enclosingCidr,
  contains,
  covers,
  formatCidr,
  hostRange,
  overlaps,
  parseCidr,
  addressCount,
  wholeRange,
} from '../../../../manager/common/address/cidr.js';
import { parseIp } from '../../../../manager/common/address/ip.js';

const anyIp = fc.integer({ min: 0, max: 0xffff_ffff });
const anyCidr = fc
  .tuple(anyIp, fc.integer({ min: 0, max: 32 }))
  .map(([ip, prefix]) => enclosingCidr(ip, prefix));

test('formatting and parsing a block round-trips and clears its host bits', (t) => {
  fc.assert(
    fc.property(anyCidr, (cidr) => {
      const again = parseCidr(formatCidr(cidr));
      return again.base === cidr.base && again.prefix === cidr.prefix;
    }),
  );
  t.is(formatCidr(parseCidr('10.1.2.3/16')), '10.1.0.0/16');
});

for (const text of [
  '10.0.0.0',
  '10.0.0.0/33',
  '10.0.0/8',
  '10.0.0.0/',
  '/8',
  '10.0.0.0/-1',
  'fd00::/8',
])
  test(`parseCidr rejects "${text}"`, (t) => {
    t.throws(() => parseCidr(text), { message: /is not an IPv4 CIDR block/ });
  });

test('a block contains exactly the addresses between its first and last', (t) => {
  t.notThrows(() => {
    fc.assert(
      fc.property(anyCidr, anyIp, (cidr, ip) => {
        const { first, last } = wholeRange(cidr);
        return contains(cidr, ip) === (first <= ip && ip <= last);
      }),
    );
  });
});

test('blocks overlap exactly if one contains an end of the other', (t) => {
  t.notThrows(() => {
    fc.assert(
      fc.property(anyCidr, anyCidr, (a, b) => {
        const [x, y] = [wholeRange(a), wholeRange(b)];
        return overlaps(a, b) === (x.first <= y.last && y.first <= x.last);
      }),
    );
  });
  t.true(overlaps(parseCidr('10.0.0.0/8'), parseCidr('10.5.0.0/16')));
  t.false(overlaps(parseCidr('10.4.0.0/16'), parseCidr('10.5.0.0/16')));
  t.true(covers(parseCidr('0.0.0.0/0'), parseCidr('255.0.0.0/8')));
});

test('the host range excludes the network and broadcast addresses', (t) => {
  t.deepEqual(hostRange(parseCidr('10.0.0.0/24')), {
    first: parseIp('10.0.0.1'),
    last: parseIp('10.0.0.254'),
  });
  t.is(addressCount(24), 256);
});

test('every address of a /31 or /32 block is a host address', (t) => {
  const pair = hostRange(parseCidr('10.0.0.6/31'));
  t.is(pair.last - pair.first, 1);
  const single = hostRange(parseCidr('10.0.0.7/32'));
  t.is(single.first, single.last);
});
