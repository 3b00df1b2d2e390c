import test from 'ava';
import { ConnectionTable, networkOf } from '../../../manager/transport/connection-table.js';

test('a table counts by network and finds the oldest', (t) => {
  const table = new ConnectionTable<string>();
  for (const [name, network] of [
    ['a', 'x'],
    ['b', 'y'],
    ['c', 'x'],
  ] as const)
    table.add(name, network);
  t.is(table.size, 3);
  t.deepEqual(
    ['x', 'y', 'z'].map((network) => table.countOf(network)),
    [2, 1, 0],
  );
  t.true(table.delete('a'));
  t.false(table.delete('a'));
  t.deepEqual([table.oldest(), table.oldest('x'), table.oldest('z')], ['b', 'c', undefined]);
  t.true(table.delete('b'));
  t.is(table.countOf('y'), 0);
  t.is(table.size, 1);
});

for (const [address, network] of [
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['::1', '0:0:0:0::/64'],
  ['fd00:1:2:3:4:5:6:7', 'fd00:1:2:3::/64'],
  ['fd00:1::7', 'fd00:1:0:0::/64'],
  ['fd00::', 'fd00:0:0:0::/64'],
  ['', ''],
] as const) {
  test(`limits apply to ${network} for "${address}"`, (t) => {
    t.is(networkOf(address), network);
  });
}
