import test from 'ava';
import { parseVxlans } from '../../../network/linux/vxlan.js';
import { recorded } from '../../helpers/fakes/kernel-recording.js';

test('parseVxlans returns the settings of the tunnel and of its bridge port', (t) => {
  t.deepEqual(parseVxlans(recorded('link-vxlan')).get('shvx5001'), {
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
