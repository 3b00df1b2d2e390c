import test from 'ava';
import { parseVxlans } from '../../../network/linux/vxlan.js';
import { recordedFields } from '../../helpers/fakes/kernel-recording.js';

test('parseVxlans returns the settings of the tunnel and of its bridge port', (t) => {
  t.deepEqual(parseVxlans(recordedFields('link-vxlan')).get('shvx5001'), {
    name: 'shvx5001',
    vni: 5001,
    port: 4789,
    local: '10.98.60.11',
    learning: false,
    proxy: true,
    mtu: 1450,
    up: true,
    master: 'sh5001',
    portFloods: false,
  });
});

test('a device without VNI, port or MTU is refused', (t) => {
  const device = (data: object, mtu?: number) => [
    { ifname: 'shvx5001', mtu, linkinfo: { info_data: data } },
  ];
  const source = 'ip link: shvx5001';
  const needed = 'must be a non-negative integer';
  t.throws(() => parseVxlans(device({ port: 1 }, 1)), { message: `${source}: id ${needed}` });
  t.throws(() => parseVxlans(device({ id: 1 }, 1)), { message: `${source}: port ${needed}` });
  t.throws(() => parseVxlans(device({ id: 1, port: 1 })), { message: `${source}: mtu ${needed}` });
});
