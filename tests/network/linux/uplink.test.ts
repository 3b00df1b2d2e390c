import test from 'ava';
import { isAppError } from '../../../manager/common/base/errors.js';
import { findUplink } from '../../../network/linux/uplink.js';
import { recordedFields } from '../../helpers/fakes/kernel-recording.js';

const links = recordedFields('addr4');

test('the uplink is the interface with the node’s address', (t) => {
  const facts = findUplink('10.98.60.11', { links, defaultRoutes: [] });
  t.deepEqual(facts, { address: '10.98.60.11', addressIsLocal: true, uplinkMtu: 1500 });
});

test('behind one-to-one NAT the uplink is the interface of the default route', (t) => {
  const route = [{ dst: 'default', gateway: '10.98.60.1', dev: 'eth0' }];
  const facts = findUplink('203.0.113.7', { links, defaultRoutes: route });
  t.deepEqual(facts, { address: '203.0.113.7', addressIsLocal: false, uplinkMtu: 1500 });
  const error = t.throws(() => findUplink('203.0.113.7', { links, defaultRoutes: [] }));
  t.true(isAppError(error) && error.kind === 'unavailable');
});
