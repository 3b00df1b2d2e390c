import test from 'ava';
import { Ledger } from './ledger.js';

const now = (values: Readonly<Record<string, string>>) => new Map(Object.entries(values));

test('the last acknowledged value is lost unless it is still there', (t) => {
  const ledger = new Ledger();
  ledger.ask('a', '1');
  ledger.acknowledge('a', '1');
  ledger.ask('a', '2');
  ledger.acknowledge('a', '2');
  t.is(ledger.acknowledgements, 2);
  t.deepEqual(ledger.lost(now({ a: '2' })), []);
  t.deepEqual(ledger.lost(now({ a: '1' })), ['a is 1, acknowledged was 2']);
  t.deepEqual(ledger.lost(now({})), ['a is missing, acknowledged was 2']);
});

test('an unanswered request may or may not have been applied', (t) => {
  const ledger = new Ledger();
  ledger.found('a', '0');
  ledger.ask('a', '1');
  t.deepEqual(ledger.lost(now({ a: '0' })), []);
  t.deepEqual(ledger.lost(now({ a: '1' })), []);
  t.deepEqual(ledger.lost(now({ a: '2' })), ['a is 2, acknowledged was 0']);
});

test('a value that was never acknowledged may be missing', (t) => {
  const ledger = new Ledger();
  ledger.ask('a', '1');
  t.deepEqual(ledger.lost(now({})), []);
});
