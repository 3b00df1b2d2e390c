import { setImmediate as nextTick } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import type { KeyedLoopOptions } from '../../../../manager/common/base/keyed-loop.js';
import { KeyedLoop } from '../../../../manager/common/base/keyed-loop.js';
import { silentLogger } from '../../../helpers/fakes/silent-logger.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';

interface Pass {
  readonly keys: readonly string[];
  readonly at: number;
  succeed(): void;
  fail(): void;
}

/** A loop whose passes end when the test says so. */
function keyedLoop(options: Partial<KeyedLoopOptions<string, readonly string[]>> = {}) {
  const clock = new ManualClock();
  const passes: Pass[] = [];
  const loop = new KeyedLoop<string, readonly string[]>({
    name: 'test',
    clock,
    log: silentLogger,
    resync: { everyMs: 3_600_000, keys: () => [] },
    reconcile: (keys) =>
      new Promise((resolve, reject) => {
        const fail = (): void => {
          reject(new Error('pass failed'));
        };
        passes.push({ keys: [...keys], at: clock.now(), succeed: resolve, fail });
      }),
    ...options,
  });
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await nextTick();
  };
  const end = async (how: 'succeed' | 'fail'): Promise<void> => {
    passes.at(-1)?.[how]();
    await nextTick();
  };
  return { loop, clock, passes, advance, end, keys: () => passes.map(({ keys }) => keys) };
}

test('keys marked before a pass are collected, each once', async (t) => {
  const { loop, keys } = keyedLoop();
  loop.start();
  loop.mark(['b']);
  loop.mark(['a', 'b']);
  await nextTick();
  t.deepEqual(keys(), [['b', 'a']]);
});

test('without a key no pass runs', async (t) => {
  const { loop, keys } = keyedLoop();
  loop.start();
  loop.mark([]);
  await nextTick();
  t.deepEqual(keys(), []);
});

test('keys that arrive during a pass lead to exactly one more pass; passes never overlap', async (t) => {
  const { loop, keys, end } = keyedLoop();
  loop.start();
  loop.mark(['a']);
  await nextTick();
  loop.mark(['a']);
  loop.mark(['b']);
  await nextTick();
  t.deepEqual(keys(), [['a']]);
  await end('succeed');
  t.deepEqual(keys(), [['a'], ['a', 'b']]);
  await end('succeed');
  t.is(keys().length, 2);
});

test('the keys of a failed pass are restored and retried with growing delays', async (t) => {
  const { loop, passes, keys, end, advance } = keyedLoop();
  loop.start();
  loop.mark(['a', 'b']);
  await nextTick();
  for (let failure = 0; failure < 6; failure += 1) {
    loop.mark(['c']);
    await end('fail');
    await advance(10_000);
  }
  t.deepEqual(
    keys().map((each) => [...each].sort()),
    [['a', 'b'], ...Array.from({ length: 6 }, () => ['a', 'b', 'c'])],
  );
  await end('succeed');
  await advance(10_000);
  t.is(passes.length, 7);
});

test('a failed pass waits for its back-off even if more keys arrive', async (t) => {
  const { loop, passes, end, advance } = keyedLoop();
  loop.start();
  loop.mark(['a']);
  await nextTick();
  await end('fail');
  loop.mark(['b']);
  await nextTick();
  t.is(passes.length, 1);
  await advance(1_000);
  t.deepEqual([...(passes[1]?.keys ?? [])].sort(), ['a', 'b']);
});

test('a resync marks every key at start and at fixed intervals, however busy the loop is', async (t) => {
  const { loop, passes, advance, end } = keyedLoop({
    resync: { everyMs: 1_000, keys: () => ['a', 'b'] },
  });
  loop.start();
  await nextTick();
  for (let step = 0; step < 21; step += 1) {
    await end('succeed');
    loop.mark(['c']);
    await advance(100);
  }
  const resyncs = passes.filter(({ keys }) => keys.includes('a') && keys.includes('b'));
  t.deepEqual(
    resyncs.map(({ at }) => Math.floor(at / 1_000)),
    [0, 1, 2],
  );
});

test('events of the feed mark the keys they affect while the loop runs', async (t) => {
  const listeners = new Set<(event: readonly string[]) => void>();
  const source = {
    watch: (listener: (event: readonly string[]) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const { loop, keys, end } = keyedLoop({
    feed: { source, affected: (event) => event.map((key) => `key ${key}`) },
  });
  loop.start();
  for (const listener of listeners) listener(['a', 'b']);
  await nextTick();
  t.deepEqual(keys(), [['key a', 'key b']]);
  await end('succeed');
  await loop.stop();
  t.is(listeners.size, 0);
});

test('a delayed mark replaces the earlier one of its key, and undefined cancels it', async (t) => {
  const { loop, passes, advance, end } = keyedLoop();
  loop.start();
  loop.markAfter('a', 100);
  loop.markAfter('a', 500);
  loop.markAfter('b', 100);
  loop.markAfter('b', undefined);
  await advance(499);
  t.is(passes.length, 0);
  await advance(1);
  t.deepEqual(passes[0]?.keys, ['a']);
  await end('succeed');
  await advance(10_000);
  t.is(passes.length, 1);
});

test('a stopped loop waits for its pass and runs no other one', async (t) => {
  const { loop, passes, advance } = keyedLoop({
    resync: { everyMs: 1_000, keys: () => ['a'] },
  });
  loop.start();
  await nextTick();
  loop.markAfter('b', 100);
  const stopped = loop.stop();
  passes[0]?.succeed();
  await stopped;
  loop.mark(['c']);
  loop.markAfter('d', 100);
  await advance(60_000);
  t.is(passes.length, 1);
});

type Step =
  | { readonly kind: 'mark' | 'mark-after'; readonly key: string; readonly ms: number }
  | { readonly kind: 'end'; readonly how: 'succeed' | 'fail' }
  | { readonly kind: 'advance'; readonly ms: number };

const keyArbitrary = fc.constantFrom('a', 'b', 'c', 'd');
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('mark' as const, 'mark-after' as const),
    key: keyArbitrary,
    ms: fc.nat(3_000),
  }),
  fc.record({
    kind: fc.constant('end' as const),
    how: fc.constantFrom('succeed' as const, 'fail' as const),
  }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(10_000) }),
);

test('every key is in a successful pass that started after its last mark', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(stepArbitrary, { maxLength: 40 }), async (steps) => {
      // A count of events orders marks and starts of passes within one moment of the clock.
      let events = 0;
      const markedAt = new Map<string, number>();
      const handledAt = new Map<string, number>();
      let inFlight: { settle: (how: 'succeed' | 'fail') => void } | undefined;
      const { loop, advance } = keyedLoop({
        reconcile: (keys) => {
          t.is(inFlight, undefined, 'one pass in flight');
          const startedAt = (events += 1);
          return new Promise((resolve, reject) => {
            const settle = (how: 'succeed' | 'fail'): void => {
              inFlight = undefined;
              if (how === 'fail') {
                reject(new Error('pass failed'));
                return;
              }
              for (const key of keys) handledAt.set(key, startedAt);
              resolve();
            };
            inFlight = { settle };
          });
        },
      });
      const mark = (key: string): void => {
        markedAt.set(key, (events += 1));
      };
      loop.start();
      for (const step of steps) {
        if (step.kind === 'advance') await advance(step.ms);
        else if (step.kind === 'end') inFlight?.settle(step.how);
        else {
          mark(step.key);
          if (step.kind === 'mark') loop.mark([step.key]);
          else loop.markAfter(step.key, step.ms);
        }
        await nextTick();
      }
      for (let round = 0; round < 10; round += 1) {
        inFlight?.settle('succeed');
        await advance(10_000);
      }
      t.is(inFlight, undefined);
      for (const [key, at] of markedAt) t.true((handledAt.get(key) ?? 0) > at, `key ${key}`);
      await loop.stop();
    }),
    { numRuns: 200 },
  );
});
