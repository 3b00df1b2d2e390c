import test from 'ava';
import { decodeUpdateBody } from '../../../../manager/gateway/create/update-body.js';

const before = { limits: { memoryBytes: 5 }, reservations: { nanoCpus: 1, memoryBytes: 2 } };

test('an update changes the given limits only; 0 keeps a limit', (t) => {
  const { resources, hasRestart } = decodeUpdateBody({ NanoCpus: 9, Memory: 0 }, before);
  t.deepEqual(resources, {
    limits: { memoryBytes: 5, nanoCpus: 9 },
    reservations: { nanoCpus: 1, memoryBytes: 2 },
  });
  t.false(hasRestart);
});

test('an update may set the restart policy', (t) => {
  const { hasRestart, host } = decodeUpdateBody({ RestartPolicy: { Name: 'always' } }, before);
  t.true(hasRestart);
  t.deepEqual(host.RestartPolicy, { Name: 'always' });
  t.throws(() => decodeUpdateBody({ Memory: '5m' }, before), { message: /Memory/u });
});
