import test from 'ava';
import { AppError } from '../../../manager/common/base/errors.js';
import { removeUnused } from '../../../manager/gateway/remove-unused.js';

test('an object that has come into use stays, and the others are removed', async (t) => {
  const removed = await removeUnused(['a', 'b', 'c'], (name) =>
    name === 'b' ? Promise.reject(new AppError('conflict', 'in use')) : Promise.resolve(),
  );
  t.deepEqual(removed, ['a', 'c']);
});

test('any other error ends the removal', async (t) => {
  const seen: string[] = [];
  const removal = removeUnused(['a', 'b', 'c'], (name) => {
    seen.push(name);
    return name === 'b' ? Promise.reject(new AppError('forbidden', 'no')) : Promise.resolve();
  });
  await t.throwsAsync(removal, { message: 'no' });
  t.deepEqual(seen, ['a', 'b']);
});
