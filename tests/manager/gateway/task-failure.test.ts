import test from 'ava';
import { failureOf } from '../../../manager/gateway/task-failure.js';

test("an engine's refusal reaches the client in the engine's words", (t) => {
  const status = { state: 'rejected', at: 1, message: 'rejected' } as const;
  const create = failureOf({
    ...status,
    error: 'create container brave_bass: Duplicate mount point: /x',
    errorKind: 'invalid',
  });
  t.like(create, { kind: 'invalid', message: 'Duplicate mount point: /x' });
  const start = failureOf({ ...status, error: 'start container 0123456789ab: no: such' });
  t.like(start, { kind: 'internal', message: 'no: such' });
  t.is(failureOf(status).message, 'rejected');
});
