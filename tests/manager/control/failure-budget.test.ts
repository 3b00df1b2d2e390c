import test from 'ava';
import { FailureBudget } from '../../../manager/control/failure-budget.js';

test('a flood of failures is recorded once a second, with the number of omitted ones', (t) => {
  const budget = new FailureBudget();
  const first = Array.from({ length: 150 }, () => budget.take('ci', 0));
  t.is(first.filter((omitted) => omitted === 0).length, 100);
  t.is(first.filter((omitted) => omitted === undefined).length, 50);
  t.is(budget.take('ci', 999), undefined);
  t.is(budget.take('ci', 1_000), 51);
  t.is(budget.take('ci', 1_001), undefined);
});

test('the failures of one client use up no other budget', (t) => {
  const budget = new FailureBudget();
  for (let each = 0; each < 200; each += 1) budget.take('ci', 0);
  t.is(budget.take('ada', 0), 0);
});
