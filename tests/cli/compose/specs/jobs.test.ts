import test from 'ava';
import { restartCondition } from '../../../../cli/compose/specs/jobs.js';

test('the words of restart mean any in a restart policy', (t) => {
  t.is(restartCondition('always'), 'any');
  t.is(restartCondition('unless-stopped'), 'any');
  t.is(restartCondition(undefined), 'any');
});

test('none and on-failure keep their meaning', (t) => {
  t.is(restartCondition('none'), 'none');
  t.is(restartCondition('on-failure'), 'on-failure');
});
