import test from 'ava';
import { ManagerList } from '../../../manager/dispatcher/manager-list.js';

const [one, two] = [
  { nodeId: 'n1', address: '192.0.2.1:7000' },
  { nodeId: 'n2', address: '192.0.2.2:7000' },
];

test('a list names addresses and nodes of the managers in order', (t) => {
  const list = new ManagerList([two, one]);
  t.deepEqual(list.addresses, ['192.0.2.2:7000', '192.0.2.1:7000']);
  t.deepEqual(list.nodes, ['n2', 'n1']);
});

test('the first list counts as changed even if it is equal, an equal second one does not', (t) => {
  const list = new ManagerList([one]);
  t.true(list.replace([one]));
  t.false(list.replace([{ ...one }]));
});

test('another manager, address or node is a change', (t) => {
  const list = new ManagerList([]);
  t.true(list.replace([one]));
  t.true(list.replace([one, two]));
  t.true(list.replace([one, { ...two, address: '192.0.2.3:7000' }]));
  t.true(list.replace([{ ...one, nodeId: 'n3' }]));
  t.deepEqual(list.nodes, ['n3']);
});
