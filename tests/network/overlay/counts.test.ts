import test from 'ava';
import { ChangeCounter } from '../../../network/overlay/counts.js';

const view = { networks: [], endpoints: [] };

test('differences count as changes until a view is in place, then as repairs', (t) => {
  const counts = new ChangeCounter();
  counts.found(view, 5);
  counts.found(view, 0);
  counts.found(view, 2);
  const next = { networks: [], endpoints: [] };
  counts.found(next, 3);
  counts.failed(1);
  t.deepEqual(counts.snapshot(next), {
    networks: 0,
    endpoints: 0,
    changes: 8,
    repairs: 2,
    failures: 1,
  });
});
