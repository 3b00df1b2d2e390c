import test from 'ava';
import { reasonOnNodes } from '../../../../manager/scheduler/filters/filter.js';
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
  const refusal = lacking(reasonOnNodes('insufficient memory'), (bytes) => `${bytes} B`, {
    requested: 2,
    free: 1,
  });
  t.is(refusal.count(1), 'insufficient memory on 1 node');
  t.is(refusal.count(2), 'insufficient memory on 2 nodes');
  t.is(refusal.predicate, 'has insufficient memory');
  t.deepEqual(refusal.amounts?.(), { requested: '2 B requested', free: '1 B free' });
});
