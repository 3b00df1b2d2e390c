import test from 'ava';
import { sameExplanation } from '../../../manager/scheduler/explain.js';

const one = { placed: false, summary: 's', reasons: ['a', 'b'] };

test('explanations are the same if every part is', (t) => {
  t.true(sameExplanation({ ...one, reasons: ['a', 'b'] }, one));
  for (const other of [
    undefined,
    { ...one, placed: true },
    { ...one, summary: 't' },
    { ...one, reasons: ['a'] },
    { ...one, reasons: ['a', 'b', 'c'] },
    { ...one, reasons: ['a', 'c'] },
    { ...one, awaits: 'predecessor' as const },
  ])
    t.false(sameExplanation(other, one));
});
