import { isIPv4, isIPv6 } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { isIpv4, isIpv6 } from '../../../../cli/compose/check/ip-address.js';

test('addresses are recognized as by Node', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.ipV4Extended()), (text) => {
      t.is(isIpv4(text), isIPv4(text));
      t.is(isIpv6(text), isIPv6(text));
    }),
    { numRuns: 1000 },
  );
});

for (const text of [
  '::',
  '::1',
  '1::',
  '1:2:3:4:5:6:7::',
  '::ffff:1.2.3.4',
  'fe80::1%eth0',
  '1:::2',
  '1::2::3',
  ':1',
  '1:2:3:4:5:6:7:8:9',
  '::1.2.3',
  '01.2.3.4',
  '12345::',
]) {
  test(`${text} is classified as by Node`, (t) => {
    t.is(isIpv6(text), isIPv6(text));
    t.is(isIpv4(text), isIPv4(text));
  });
}
