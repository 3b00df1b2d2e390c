import test from 'ava';
import { exitCodeOf, ExitError } from '../../cli/exit-code.js';
import { AppError } from '../../manager/common/base/errors.js';

test('exit codes are those of docker compose', (t) => {
  t.is(exitCodeOf(new AppError('not-found', 'x')), 1);
  t.is(exitCodeOf(new AppError('cancelled', 'interrupted')), 130);
  t.is(exitCodeOf(new ExitError(42)), 42);
  t.is(exitCodeOf(new Error('x')), 1);
});
