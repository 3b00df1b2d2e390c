import test from 'ava';
import fc from 'fast-check';
import { deferred, type Deferred } from '../../../../manager/common/base/cancellation.js';
import { Semaphore } from '../../../../manager/common/base/semaphore.js';
import { settle } from '../../../helpers/fakes/runner-bench.js';

const never = new AbortController().signal;

test('operations run in the order of arrival, never more than the limit, whichever ends first', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.record({ pick: fc.nat(), fails: fc.boolean() }), { maxLength: 10 }),
      async (limit, ends) => {
        const semaphore = new Semaphore(limit);
        const started: number[] = [];
        const running: Deferred<undefined>[] = [];
        const all = ends.map((_, index) =>
          semaphore
            .run(() => {
              started.push(index);
              const work = deferred<undefined>();
              running.push(work);
              return work.promise;
            }, never)
            .catch(() => undefined),
        );
        for (const [ended, { pick, fails }] of ends.entries()) {
          await settle();
          t.is(running.length, Math.min(limit, ends.length - ended));
          const [work] = running.splice(pick % running.length, 1);
          if (fails) work?.reject(new Error('refused'));
          else work?.resolve(undefined);
        }
        await Promise.all(all);
        t.deepEqual(
          started,
          ends.map((_, index) => index),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test('the caller gets the result of its operation, or its error', async (t) => {
  const semaphore = new Semaphore(1);
  t.is(await semaphore.run(() => Promise.resolve('done'), never), 'done');
  const failure = semaphore.run(() => Promise.reject(new Error('refused')), never);
  await t.throwsAsync(failure, { message: 'refused' });
});

test('an operation that is cancelled while it waits never runs, and the next takes its place', async (t) => {
  const semaphore = new Semaphore(1);
  const first = deferred<undefined>();
  const ran: string[] = [];
  const abort = new AbortController();
  const running = semaphore.run(() => first.promise, never);
  const cancelled = semaphore.run(() => {
    ran.push('cancelled');
    return Promise.resolve();
  }, abort.signal);
  const last = semaphore.run(() => {
    ran.push('last');
    return Promise.resolve();
  }, never);
  abort.abort(new Error('not wanted'));
  first.resolve(undefined);
  await t.throwsAsync(cancelled, { message: 'not wanted' });
  await Promise.all([running, last]);
  t.deepEqual(ran, ['last']);
});
