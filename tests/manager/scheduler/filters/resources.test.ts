import test from 'ava';
import { cpusText, lacking } from '../../../../manager/scheduler/filters/resources.js';

test('amounts of CPU are rounded down to hundredths', (t) => {
  for (const [nano, text] of [
    [-1, '0 CPUs'],
    [1e9, '1 CPU'],
    [1.999e9, '1.99 CPUs'],
    [5e8, '0.5 CPUs'],
  ] as const)
    t.is(cpusText(nano), text);
});

test('a refusal counts nodes in words and keeps the amounts apart', (t) => {
  const refusal = lacking('memory', '2 GiB', '1 GiB');
  t.is(refusal.count(1), 'insufficient memory on 1 node');
  t.is(refusal.count(2), 'insufficient memory on 2 nodes');
  t.is(refusal.predicate, 'has insufficient memory');
  t.deepEqual(refusal.amounts, { requested: '2 GiB requested', free: '1 GiB free' });
});
