import test from 'ava';
import { parseBridges } from '../../../network/linux/bridge.js';
import { recordedFields } from '../../helpers/fakes/kernel-recording.js';

test('parseBridges selects only Shoal bridges, with their addresses', (t) => {
  const bridges = parseBridges(recordedFields('addr-bridge'));
  t.deepEqual([...bridges.keys()], ['sh5001', 'sh5002']);
  t.deepEqual(bridges.get('sh5001'), {
    name: 'sh5001',
    up: true,
    mac: '02:42:ec:35:ed:08',
    addresses: ['10.210.0.1/24'],
  });
});

test('an address without a prefix length is refused', (t) => {
  const link = { ifname: 'sh5001', addr_info: [{ family: 'inet', local: '10.0.0.1' }] };
  t.throws(() => parseBridges([link]), {
    message: 'ip addr: sh5001: prefixlen must be a non-negative integer',
  });
});
