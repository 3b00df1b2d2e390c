import test from 'ava';
import {
  unneededAuthorities,
  withAuthority,
  withRetiredManager,
  withRefusedAuthorities,
} from '../../../manager/ca/authority-record.js';
import type { ClusterRecord } from '../../../manager/store/store.js';

const meta = { createdAt: 0, updatedAt: 0, version: 1 };
const empty: ClusterRecord = { ...meta, id: 'cluster', clusterId: 'c1', name: 'c', revoked: [] };

const told = withAuthority(withAuthority(empty, 'm1', 'a1'), 'm2', 'a2');
const gone = withRetiredManager(told, 'm2');

test('each CA of a manager is recorded once', (t) => {
  t.deepEqual(told.authorities, { m1: ['a1'], m2: ['a2'] });
  t.is(withAuthority(told, 'm1', 'a1'), told);
  t.deepEqual(withAuthority(told, 'm1', 'a3').authorities?.m1, ['a1', 'a3']);
});

test('the CAs of a removed manager are retiring', (t) => {
  t.deepEqual(gone.retiring, [{ authority: 'a2', nodeId: 'm2' }]);
  t.deepEqual(gone.authorities, { m1: ['a1'] });
  t.is(withRetiredManager(gone, 'm2'), gone);
});

test('a CA that another manager holds or that is already refused is not retired', (t) => {
  const both = withAuthority(withAuthority(empty, 'm1', 'a1'), 'm2', 'a1');
  t.deepEqual(withRetiredManager(both, 'm2').retiring, []);
  const refused = { ...told, refusedAuthorities: ['a2'] };
  t.deepEqual(withRetiredManager(refused, 'm2').retiring, []);
});

test('a CA is unneeded once every node is connected with a certificate of another CA', (t) => {
  const shown = (all: Readonly<Record<string, string>>) => (id: string) => all[id];
  const nodes = ['m1', 'w1'];
  t.deepEqual(unneededAuthorities(gone, nodes, shown({ m1: 'a1', w1: 'a2' })), []);
  t.deepEqual(unneededAuthorities(gone, nodes, shown({ m1: 'a1' })), []);
  t.deepEqual(unneededAuthorities(gone, nodes, shown({ m1: 'a1', w1: 'a1' })), ['a2']);
});

test('a refused CA is no longer retiring', (t) => {
  const after = withRefusedAuthorities(gone, ['a2']);
  t.deepEqual(after.refusedAuthorities, ['a2']);
  t.deepEqual(after.retiring, []);
});
