import test from 'ava';
import { multiplexed } from '../../../../manager/gateway/translate/multiplex.js';

test('stdout and stderr chunks are framed', (t) => {
  t.deepEqual(
    [...multiplexed('stderr', Buffer.from('hi\n'))],
    [2, 0, 0, 0, 0, 0, 0, 3, ...Buffer.from('hi\n')],
  );
});
