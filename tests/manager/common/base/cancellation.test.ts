import test from 'ava';
import {
  deferred,
  pause,
  untilAborted,
  withDeadline,
} from '../../../../manager/common/base/cancellation.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';

const late = (): Error => new Error('too late');
const waits = (signal: AbortSignal): Promise<string> =>
  untilAborted(deferred<string>().promise, signal);

test('work within its deadline returns its result and leaves no timer', async (t) => {
  const clock = new ManualClock();
  const { signal } = new AbortController();
  const done = withDeadline({ clock, limitMs: 10, signal, late }, () => Promise.resolve('done'));
  t.is(clock.pendingTimers, 1);
  t.is(await done, 'done');
  t.is(clock.pendingTimers, 0);
});

test('work is cancelled at its deadline, not before', async (t) => {
  const clock = new ManualClock();
  const { signal } = new AbortController();
  let cancelled = false;
  const work = withDeadline({ clock, limitMs: 10, signal, late }, (limited) => {
    limited.addEventListener('abort', () => (cancelled = true));
    return waits(limited);
  });
  clock.advance(9);
  t.false(cancelled);
  clock.advance(1);
  t.true(cancelled);
  await t.throwsAsync(work, { message: 'too late' });
});

test('work that its caller cancels, or that fails in time, keeps its own error', async (t) => {
  const clock = new ManualClock();
  const caller = new AbortController();
  const deadline = { clock, limitMs: 10, signal: caller.signal, late };
  const failed = withDeadline(deadline, () => Promise.reject(new Error('refused')));
  await t.throwsAsync(failed, { message: 'refused' });
  const work = withDeadline(deadline, waits);
  caller.abort(new Error('not wanted'));
  clock.advance(10);
  await t.throwsAsync(work, { message: 'not wanted' });
});

test('a pause ends after its delay or with its signal, and leaves no timer', async (t) => {
  const clock = new ManualClock();
  const caller = new AbortController();
  const first = pause(clock, 10, caller.signal);
  clock.advance(10);
  await first;
  const second = pause(clock, 10, caller.signal);
  caller.abort();
  await second;
  t.is(clock.pendingTimers, 0);
  await pause(clock, 10, caller.signal);
  t.is(clock.pendingTimers, 0);
});

test('untilAborted drops a result that comes after the abort', async (t) => {
  const caller = new AbortController();
  const work = deferred<string>();
  const waiting = untilAborted(work.promise, caller.signal);
  caller.abort(new Error('not wanted'));
  work.resolve('done');
  await t.throwsAsync(waiting, { message: 'not wanted' });
  const { signal } = new AbortController();
  t.is(await untilAborted(Promise.resolve('done'), signal), 'done');
});
