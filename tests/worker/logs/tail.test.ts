import test from 'ava';
import type { LogLine } from '../../../manager/common/protocol/worker-calls.js';
import { startingAt, tailStart } from '../../../worker/logs/tail.js';

const line = (stamp: string, stream: LogLine['stream'] = 'stdout') => ({ stamp, stream });
const whole = (stamp: string): LogLine => ({ at: 0, stamp, stream: 'stdout', text: '' });

test('the last lines start at the timestamp of the first of them', (t) => {
  t.deepEqual(
    tailStart(
      ['1', '2', '3'].map((stamp) => line(stamp)),
      2,
      false,
    ),
    {
      stamp: '2',
      skip: 0,
    },
  );
});

test('a line that may lack its beginning does not count', (t) => {
  const lines = ['1', '2', '3'].map((stamp) => line(stamp));
  t.is(tailStart(lines, 3, true), undefined);
  t.deepEqual(tailStart(lines, 3, false), { stamp: '1', skip: 0 });
  t.is(tailStart([line('1'), line('2', 'stderr')], 1, true), undefined);
});

test('of several lines with the timestamp of the first, only the last are kept', (t) => {
  const start = tailStart(
    ['1', '2', '2', '2', '3'].map((stamp) => line(stamp)),
    3,
    false,
  );
  t.deepEqual(start, { stamp: '2', skip: 1 });
  if (start === undefined) return;
  const kept = ['1', '2', '2', '2', '3'].map(whole).filter(startingAt(start));
  t.deepEqual(
    kept.map(({ stamp }) => stamp),
    ['2', '2', '3'],
  );
});

test('lines slightly out of order count by their timestamps', (t) => {
  const start = tailStart(
    ['1', '3', '2', '4'].map((stamp) => line(stamp)),
    3,
    false,
  );
  if (start === undefined) return t.fail();
  t.is(['1', '3', '2', '4'].map(whole).filter(startingAt(start)).length, 3);
});
