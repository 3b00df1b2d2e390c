import test from 'ava';
import { parseBridgePorts, removeLinkLine } from '../../../network/linux/link.js';
import { recordedFields } from '../../helpers/fakes/kernel-recording.js';

test('parseBridgePorts selects ports of Shoal bridges and interfaces without a bridge', (t) => {
  const ports = parseBridgePorts(recordedFields('bridge-link'));
  t.is(ports.get('veth27b170a'), 'sh5001');
  const links = [{ ifname: 'eth0' }, { ifname: 'veth1', master: 'docker0' }, { ifname: 'sh5001' }];
  t.deepEqual([...parseBridgePorts(links)], [['eth0', undefined]]);
});

test('removeLinkLine rejects devices that Shoal does not own', (t) => {
  t.is(removeLinkLine('shvx5001'), 'link del dev shvx5001');
  for (const name of ['eth0', 'docker0', 'shvx', 'shvx5001 foo', 'sh50x'])
    t.throws(() => removeLinkLine(name));
});
