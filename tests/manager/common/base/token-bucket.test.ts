import test from 'ava';
import { KeyedTokenBuckets, TokenBucket } from '../../../../manager/common/base/token-bucket.js';

const takeAll = (bucket: TokenBucket, nowMs: number): number => {
  let taken = 0;
  while (bucket.take(nowMs)) taken += 1;
  return taken;
};

test('a bucket allows its capacity at once, then its rate', (t) => {
  const bucket = new TokenBucket({ capacity: 3, perSecond: 2 });
  t.is(takeAll(bucket, 1_000), 3);
  t.is(takeAll(bucket, 1_499), 0);
  t.is(takeAll(bucket, 1_500), 1);
  t.is(takeAll(bucket, 60_000), 3);
});

test('a clock that steps back neither fills nor empties a bucket', (t) => {
  const bucket = new TokenBucket({ capacity: 1, perSecond: 1 });
  t.true(bucket.take(10_000));
  t.false(bucket.take(0));
  t.false(bucket.take(999));
  t.true(bucket.take(1_000));
});

test('each key has a bucket of its own', (t) => {
  const buckets = new KeyedTokenBuckets({ capacity: 1, perSecond: 1, maxKeys: 8 });
  t.deepEqual(
    ['a', 'a', 'b', 'b'].map((key) => buckets.take(key, 0)),
    [true, false, true, false],
  );
  buckets.forget('a');
  t.true(buckets.take('a', 0));
});

test('keys are bounded: full buckets are forgotten, and a new key has to wait for one', (t) => {
  const buckets = new KeyedTokenBuckets({ capacity: 2, perSecond: 1, maxKeys: 2 });
  t.true(buckets.take('a', 0));
  t.true(buckets.take('b', 500));
  t.false(buckets.take('c', 999));
  t.true(buckets.take('c', 1_000));
  t.false(buckets.take('d', 1_000));
  t.true(buckets.take('b', 1_000));
});
