import test from 'ava';
import {
  unneededAuthorities,
  withFinishedRotation,
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

test('refused CAs are sorted, added to the earlier ones, and others keep retiring', (t) => {
  const two = { authority: 'a3', nodeId: 'm3' };
  const record = { ...gone, refusedAuthorities: ['z'], retiring: [...(gone.retiring ?? []), two] };
  const after = withRefusedAuthorities(record, ['a2']);
  t.deepEqual(after.refusedAuthorities, ['a2', 'z']);
  t.deepEqual(after.retiring, [two]);
  t.deepEqual(withRefusedAuthorities(empty, ['b', 'a']).refusedAuthorities, ['a', 'b']);
});

test('a manager without a recorded CA has nothing to retire, and earlier entries stay', (t) => {
  t.is(withRetiredManager(empty, 'm1'), empty);
  const again = withRetiredManager(withAuthority(gone, 'm3', 'a3'), 'm3');
  t.deepEqual(again.retiring, [
    { authority: 'a2', nodeId: 'm2' },
    { authority: 'a3', nodeId: 'm3' },
  ]);
});

test('without retiring CAs none is unneeded', (t) => {
  t.deepEqual(
    unneededAuthorities(empty, [], () => undefined),
    [],
  );
});

test('the end of a rotation refuses its old CA and accepts the new one', (t) => {
  const rotation = { from: 'old', to: 'new', startedAt: 1 };
  const running = { ...empty, rotation, refusedAuthorities: ['x', 'new'] };
  const after = withFinishedRotation(running, 'new');
  t.deepEqual(after.refusedAuthorities, ['old', 'x']);
  t.false('rotation' in after);
  t.is(withFinishedRotation(running, 'another'), running);
  t.is(withFinishedRotation(empty, 'new'), empty);
  t.deepEqual(withFinishedRotation({ ...empty, rotation }, 'new').refusedAuthorities, ['old']);
});
