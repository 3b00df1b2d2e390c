import { setImmediate as nextTick } from 'node:timers/promises';
import test from 'ava';
import { silentLogger } from '../../../helpers/fakes/silent-logger.js';
import type { ReconcileLoopOptions } from '../../../../manager/common/base/loop.js';
import { ReconcileLoop } from '../../../../manager/common/base/loop.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';

function loop(options: Partial<ReconcileLoopOptions> = {}) {
  const clock = new ManualClock();
  const turns: number[] = [];
  const made = new ReconcileLoop({
    name: 'test',
    clock,
    log: silentLogger,
    reconcile: () => {
      turns.push(clock.now());
      return Promise.resolve();
    },
    ...options,
  });
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await nextTick();
  };
  return { loop: made, clock, turns, advance };
}

test('triggers before a pass coalesce into one pass, triggers during a pass into one more', async (t) => {
  let release = (): void => undefined;
  let turns = 0;
  const { loop: made } = loop({
    reconcile: () => {
      turns += 1;
      return new Promise((resolve) => (release = resolve));
    },
  });
  made.start();
  made.trigger();
  await nextTick();
  for (let poke = 0; poke < 5; poke += 1) made.trigger();
  await nextTick();
  t.is(turns, 1);
  release();
  await nextTick();
  t.is(turns, 2);
  release();
  await made.stop();
  t.is(turns, 2);
});

test('a failing pass is retried with growing delays until a pass succeeds', async (t) => {
  let fails = true;
  const times: number[] = [];
  const world = loop({
    reconcile: () => {
      times.push(world.clock.now());
      return fails ? Promise.reject(new Error('no')) : Promise.resolve();
    },
  });
  world.loop.start();
  await nextTick();
  for (let step = 0; step < 400; step += 1) await world.advance(10);
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  t.true(gaps.length >= 3);
  t.true((gaps.at(-1) ?? 0) > (gaps[0] ?? 0));
  fails = false;
  await world.advance(10_000);
  const soFar = times.length;
  await world.advance(60_000);
  t.is(times.length, soFar);
  await world.loop.stop();
});

test('the resync interval may differ after each pass', async (t) => {
  let resyncMs = 500;
  const world = loop({ resyncMs: () => resyncMs });
  world.loop.start();
  await nextTick();
  resyncMs = 2_000;
  await world.advance(500);
  await world.advance(1_999);
  t.deepEqual(world.turns, [0, 500]);
  await world.advance(1);
  t.deepEqual(world.turns, [0, 500, 2_500]);
  await world.loop.stop();
});

test('an idle loop runs a pass every resync interval and none after it was stopped', async (t) => {
  const world = loop({ resyncMs: 500 });
  world.loop.start();
  await nextTick();
  await world.advance(500);
  await world.advance(500);
  t.deepEqual(world.turns, [0, 500, 1_000]);
  await world.loop.stop();
  world.loop.trigger();
  await world.advance(5_000);
  t.is(world.turns.length, 3);
});
