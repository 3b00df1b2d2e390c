import test from 'ava';
import { localAddressCheck } from '../../../network/dns/local-addresses.js';

test('local addresses are recognized within a second and the interface list is cached', (t) => {
  let nowMs = 0;
  let looks = 0;
  let address = '10.0.0.1';
  const card = { netmask: '', family: 'IPv4', mac: '', internal: false, cidr: null } as const;
  const isOwn = localAddressCheck({ elapsed: () => nowMs }, () => {
    looks += 1;
    return { eth0: [{ ...card, address }], none: undefined };
  });
  t.true(isOwn('10.0.0.1'));
  address = '10.0.0.2';
  for (let stranger = 0; stranger < 100; stranger += 1) t.false(isOwn('10.0.0.2'));
  t.is(looks, 1);
  nowMs = 1_000;
  t.true(isOwn('10.0.0.2'));
  t.false(isOwn('10.0.0.1'));
  t.is(looks, 2);
});
