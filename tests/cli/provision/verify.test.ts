import test from 'ava';
import { retryUntil, waitForUnit } from '../../../cli/provision/verify.js';
import { isAppError } from '../../../manager/common/base/errors.js';

test('a final failure ends the retries before the deadline', async (t) => {
  const final = new Error('never');
  const failures = [new Error('not yet'), final, new Error('too late')];
  let attempts = 0;
  const attempt = () => Promise.reject(failures[attempts++] ?? new Error('no more'));
  const isFinal = (error: unknown) => error === final;
  await t.throwsAsync(retryUntil(60_000, undefined, attempt, isFinal), { is: final });
  t.is(attempts, 2);
});

test('a unit in a restart loop fails with its journal, its last line and the cause', async (t) => {
  let reads = 0;
  const machine = {
    name: 'node-1',
    exec: (argv: readonly string[]) => {
      const isShow = argv[1] === 'show';
      if (isShow) reads += 1;
      const stdout = isShow
        ? `SubState=auto-restart\nNRestarts=${6 + reads}\n`
        : 'Started shoal-worker\nport 7070 is in use\nStopped shoal-worker\n';
      return Promise.resolve({ code: 0, stdout, stderr: '' });
    },
  };
  const error = await t.throwsAsync(waitForUnit(machine, 'shoal-worker'), {
    message:
      'node-1: shoal-worker keeps failing: port 7070 is in use; check "journalctl -u shoal-worker" on it',
  });
  t.is(reads, 4);
  t.true(isAppError(error));
  t.like(error.cause, { message: 'restarted 3 times' });
});
