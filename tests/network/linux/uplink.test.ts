import test from 'ava';
import { isAppError } from '../../../manager/common/base/errors.js';
import { parseUplink } from '../../../network/linux/uplink.js';
import { recorded } from '../../helpers/fakes/kernel-recording.js';

test('the uplink is the interface with the node’s address', (t) => {
  const facts = parseUplink('10.98.60.11', recorded('addr4'), '[]');
  t.deepEqual(facts, { address: '10.98.60.11', addressIsLocal: true, uplinkMtu: 1500 });
});

test('behind one-to-one NAT the uplink is the interface of the default route', (t) => {
  const route = JSON.stringify([{ dst: 'default', gateway: '10.98.60.1', dev: 'eth0' }]);
  const facts = parseUplink('203.0.113.7', recorded('addr4'), route);
  t.deepEqual(facts, { address: '203.0.113.7', addressIsLocal: false, uplinkMtu: 1500 });
  const error = t.throws(() => parseUplink('203.0.113.7', recorded('addr4'), ''));
  t.true(isAppError(error) && error.kind === 'unavailable');
});
