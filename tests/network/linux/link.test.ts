import test from 'ava';
import { parseBridgePorts, removeLinkLine } from '../../../network/linux/link.js';
import { recorded } from '../../helpers/fakes/kernel-recording.js';

test('parsePorts returns ports of Shoal bridges and interfaces without a bridge', (t) => {
  const ports = parseBridgePorts(recorded('bridge-link'));
  t.is(ports.get('veth27b170a'), 'sh5001');
  const text = JSON.stringify([
    { ifname: 'eth0' },
    { ifname: 'veth1', master: 'docker0' },
    { ifname: 'sh5001' },
  ]);
  t.deepEqual([...parseBridgePorts(text)], [['eth0', undefined]]);
});

test('removeLinkLine rejects devices that Shoal does not own', (t) => {
  t.is(removeLinkLine('shvx5001'), 'link del dev shvx5001');
  for (const name of ['eth0', 'docker0', 'shvx', 'shvx5001 foo', 'sh50x'])
    t.throws(() => removeLinkLine(name));
});
