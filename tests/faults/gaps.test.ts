import test from 'ava';
import { outageIn, worstOutage } from './outages.js';
import { probeLog } from './probe.js';

const at = (...times: readonly (readonly [number, boolean])[]) =>
  times.map(([seconds, answered]) => ({ at: seconds, answered }));

test('an outage is the longest time between two answers', (t) => {
  const asked = at([1, true], [2, false], [3, false], [5, true], [6, true]);
  t.deepEqual(outageIn(asked, 0, 6), { longestS: 4, failed: 2, asked: 5 });
});

test('without any answer the outage lasts the whole period', (t) => {
  t.deepEqual(outageIn(at([3, false]), 1, 9), { longestS: 8, failed: 1, asked: 1 });
  t.deepEqual(outageIn([], 1, 9), { longestS: 8, failed: 0, asked: 0 });
});

test('requests before or after the period do not count', (t) => {
  const asked = at([0, false], [1, true], [2, true], [3, false]);
  t.deepEqual(outageIn(asked, 1, 2), { longestS: 1, failed: 0, asked: 2 });
});

test('the worst of several outages has the longest time and the requests of all', (t) => {
  const worst = worstOutage([
    { longestS: 1, failed: 2, asked: 3 },
    { longestS: 4, failed: 0, asked: 5 },
  ]);
  t.deepEqual(worst, { longestS: 4, failed: 2, asked: 8 });
});

test('a probe line truncated by a power cut is ignored', (t) => {
  const { names, packets } = probeLog('10.50 1 1\n10.80 1 0\n11.');
  t.deepEqual(names, at([10.5, true], [10.8, true]));
  t.deepEqual(packets, at([10.5, true], [10.8, false]));
});
