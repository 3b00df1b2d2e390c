import test from 'ava';
import { parseBridges } from '../../../network/linux/bridge.js';
import { recorded } from '../../helpers/fakes/kernel-recording.js';

test('parseBridges returns only Shoal bridges, with their addresses', (t) => {
  const bridges = parseBridges(recorded('addr-bridge'));
  t.deepEqual([...bridges.keys()], ['sh5001', 'sh5002']);
  t.deepEqual(bridges.get('sh5001'), {
    name: 'sh5001',
    up: true,
    mac: '02:42:ec:35:ed:08',
    addresses: ['10.210.0.1/24'],
  });
});
