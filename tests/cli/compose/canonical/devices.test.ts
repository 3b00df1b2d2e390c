import test from 'ava';
import { canonicalDevice } from '../../../../cli/compose/canonical/devices.js';
import { newMap, type Tree, type TreeMap } from '../../../../cli/compose/yaml/tree.js';

function device(value: Tree, lenient = false): unknown {
  const where = { path: ['services', 'a', 'devices', 0], root: newMap(), mark: undefined, lenient };
  return JSON.parse(JSON.stringify(canonicalDevice(value, where))) as unknown;
}

const map = (fields: Readonly<Record<string, Tree>>): TreeMap => Object.assign(newMap(), fields);

test('a short device has the same target and all permissions by default', (t) => {
  t.deepEqual(device('/dev/x'), { source: '/dev/x', target: '/dev/x', permissions: 'rwm' });
  t.deepEqual(device('/dev/x:/y'), { source: '/dev/x', target: '/y', permissions: 'rwm' });
  t.deepEqual(device('/dev/x:/y:r'), { source: '/dev/x', target: '/y', permissions: 'r' });
});

test('a device with too many colons is refused unless it may hold a variable', (t) => {
  t.throws(() => device('a:b:c:d'), {
    message:
      'services.a.devices.0: device "a:b:c:d" has too many colons; write SOURCE:TARGET:PERMISSIONS',
  });
  t.is(device('a:b:c:d', true), 'a:b:c:d');
});

test('a device mapping keeps its fields and needs a target', (t) => {
  t.deepEqual(device(map({ source: 'x', target: 'y' })), { source: 'x', target: 'y' });
  t.throws(() => device(map({ source: 'x', permissions: 'r' })), {
    message: 'services.a.devices.0: device has no target; add the path in the container',
  });
  t.is(device(7), 7);
});
