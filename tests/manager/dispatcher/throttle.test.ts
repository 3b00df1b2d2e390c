import { setImmediate as nextTick } from 'node:timers/promises';
import test from 'ava';
import { Throttle } from '../../../manager/dispatcher/throttle.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';

/** A throttle of 10 ms whose runs are recorded by time. */
function aThrottle(work: () => Promise<void> | void = () => undefined) {
  const clock = new ManualClock();
  const runs: number[] = [];
  const throttle = new Throttle(clock, 10, () => {
    runs.push(clock.elapsed());
    return work();
  });
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await nextTick();
  };
  return { throttle, runs, advance };
}

test('the first poke runs at once, the rest of a burst once after the tick', async (t) => {
  const { throttle, runs, advance } = aThrottle();
  throttle.poke();
  throttle.poke();
  await advance(0);
  t.deepEqual(runs, [0]);
  await advance(4);
  throttle.poke();
  throttle.poke();
  await advance(5);
  t.deepEqual(runs, [0]);
  await advance(1);
  t.deepEqual(runs, [0, 10]);
  await advance(100);
  t.deepEqual(runs, [0, 10]);
});

test('a poke after a quiet time runs at once', async (t) => {
  const { throttle, runs, advance } = aThrottle();
  throttle.poke();
  await advance(50);
  throttle.poke();
  await advance(0);
  t.deepEqual(runs, [0, 50]);
});

test('a poke with a delay waits at least that long', async (t) => {
  const { throttle, runs, advance } = aThrottle();
  throttle.poke(25);
  await advance(24);
  t.deepEqual(runs, []);
  await advance(1);
  t.deepEqual(runs, [25]);
});

test('runs never overlap: pokes during a run cause one more after it', async (t) => {
  let finish: () => void = () => undefined;
  const { throttle, runs, advance } = aThrottle(
    () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  );
  throttle.poke();
  await advance(0);
  throttle.poke();
  throttle.poke();
  await advance(100);
  t.deepEqual(runs, [0]);
  finish();
  await advance(0);
  await advance(0);
  t.deepEqual(runs, [0, 100]);
  finish();
  await advance(100);
  t.deepEqual(runs, [0, 100], 'the pokes are used up');
});

test('the longest delay of the pokes during a run backs the next run off', async (t) => {
  const clock = new ManualClock();
  const runs: number[] = [];
  const throttle = new Throttle(clock, 10, async () => {
    runs.push(clock.elapsed());
    await Promise.resolve();
    if (runs.length > 1) return;
    throttle.poke();
    throttle.poke(500);
    throttle.poke(20);
  });
  throttle.poke();
  clock.advance(0);
  await nextTick();
  throttle.poke();
  clock.advance(499);
  await nextTick();
  t.deepEqual(runs, [0]);
  clock.advance(1);
  await nextTick();
  t.deepEqual(runs, [0, 500]);
});

test('a stopped throttle runs no more, and its stop waits for the running work', async (t) => {
  let finish: () => void = () => undefined;
  const { throttle, runs, advance } = aThrottle(
    () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  );
  throttle.poke();
  await advance(0);
  throttle.poke();
  let stopped = false;
  const stop = throttle.stop().then(() => {
    stopped = true;
  });
  await advance(0);
  t.false(stopped);
  finish();
  await stop;
  await advance(100);
  throttle.poke();
  await advance(100);
  t.deepEqual(runs, [0]);
});

test('a scheduled run is cancelled by the stop', async (t) => {
  const { throttle, runs, advance } = aThrottle();
  throttle.poke(5);
  await throttle.stop();
  await advance(100);
  t.deepEqual(runs, []);
});
