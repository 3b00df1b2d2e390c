import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { resolveMalformed } from '../../../worker/assignments/malformed-tasks.js';

const known = aTask(aService('web'), 1, { id: 't1', node: 'n' });

test('a known task keeps its assignment with the new desired state, an unknown one is rejected', (t) => {
  const stopped = { id: known.id, desired: 'shutdown', reason: 'bad image' } as const;
  const unknown = { id: 't2' as typeof known.id, reason: 'bad mount' };
  t.deepEqual(resolveMalformed([stopped, unknown], [known]), {
    kept: [{ ...known, desired: 'shutdown' }],
    rejected: [unknown],
  });
  const unreadable = { id: known.id, reason: 'bad state' };
  t.deepEqual(resolveMalformed([unreadable], [known]), { kept: [known], rejected: [] });
});
