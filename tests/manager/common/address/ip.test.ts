import test from 'ava';
import fc from 'fast-check';
import { isAppError } from '../../../../manager/common/base/errors.js';
import { formatIp, parseIp, tryParseIp } from '../../../../manager/common/address/ip.js';
import { macOf } from '../../../../manager/common/address/mac.js';

const anyIp = fc.integer({ min: 0, max: 0xffff_ffff });

test('formatting and parsing an address round-trips', (t) => {
  fc.assert(fc.property(anyIp, (ip) => parseIp(formatIp(ip)) === ip));
  t.is(formatIp(0xffff_ffff), '255.255.255.255');
  t.is(parseIp('10.0.1.2'), 0x0a00_0102);
});

for (const text of [
  '',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '01.2.3.4',
  '1.2.3.-4',
  '1.2.3.4 ',
  '::1',
])
  test(`tryParseIp rejects "${text}"`, (t) => {
    t.is(tryParseIp(text), undefined);
    const error = t.throws(() => parseIp(text));
    t.true(isAppError(error) && error.kind === 'invalid');
  });

test('the MAC address is 02:42 followed by the bytes of the IP address', (t) => {
  t.is(macOf(parseIp('10.210.0.9')), '02:42:0a:d2:00:09');
  t.is(macOf(parseIp('192.168.255.1')), '02:42:c0:a8:ff:01');
  fc.assert(fc.property(anyIp, anyIp, (a, b) => (macOf(a) === macOf(b)) === (a === b)));
});
