import test from 'ava';
import fc from 'fast-check';
import type { DurableWrite } from '../../../../manager/store/backend.js';
import type { KvOperation } from '../../../../manager/store/consul/client.js';
import { maxOperations, maxRequestBytes } from '../../../../manager/store/consul/client.js';
import type { KnownKey } from '../../../../manager/store/consul/plan.js';
import { planWrites, splitOperations } from '../../../../manager/store/consul/plan.js';

function put(id: string, length = 1): DurableWrite {
  return { table: 'nodes', id, value: { text: 'x'.repeat(length) } };
}

function remove(id: string): DurableWrite {
  return { table: 'nodes', id, value: undefined };
}

/** Verb, key and index of each operation. */
function shortOf(operations: readonly KvOperation[]): readonly string[] {
  return operations.map((operation) => {
    const index = 'index' in operation ? ` ${String(operation.index)}` : '';
    return `${operation.verb} ${operation.key}${index}`;
  });
}

function partsOf(count: number): number {
  return count * 2 ** 32;
}

function knownOf(entries: Readonly<Record<string, KnownKey>>): ReadonlyMap<string, KnownKey> {
  return new Map(Object.entries(entries));
}

test('a new key must not exist, a known one must have its index', (t) => {
  const known = knownOf({ 'nodes/b': { index: 7, flags: 1 } });
  t.deepEqual(shortOf(planWrites([put('a'), put('b')], known)), [
    ...['cas nodes/a 0', 'cas nodes/b 7'],
  ]);
});

test('of several writes of an object only the last one is planned', (t) => {
  const planned = planWrites([put('a'), remove('b'), remove('a'), put('b')], new Map());
  t.deepEqual(shortOf(planned), ['cas nodes/b 0']);
});

test('a removal needs a known key and removes its parts', (t) => {
  const known = knownOf({
    'nodes/a': { index: 7, flags: partsOf(2) + 5 },
    'parts/1/nodes/a': { index: 8, flags: 0 },
    'parts/2/nodes/a': { index: 9, flags: 0 },
  });
  t.deepEqual(shortOf(planWrites([remove('a'), remove('b')], known)), [
    'delete-cas nodes/a 7',
    'delete-cas parts/1/nodes/a 8',
    'delete-cas parts/2/nodes/a 9',
  ]);
});

test('a large object is written in parts, and parts that it no longer needs are removed', (t) => {
  const known = knownOf({
    'nodes/a': { index: 7, flags: partsOf(3) },
    'parts/1/nodes/a': { index: 8, flags: 0 },
    'parts/3/nodes/a': { index: 9, flags: 0 },
  });
  const planned = planWrites([put('a', 300_000)], known);
  t.deepEqual(shortOf(planned), [
    'cas nodes/a 7',
    'cas parts/1/nodes/a 8',
    'delete-cas parts/3/nodes/a 9',
  ]);
  const [first, second] = planned;
  if (first?.verb !== 'cas' || second?.verb !== 'cas') return t.fail();
  t.is(Math.floor((first.flags ?? 0) / 2 ** 32), 1);
  t.is(second.flags, 0);
  t.regex(Buffer.concat([first.value, second.value]).toString(), /^\{"text":"x{300000}"\}$/u);
});

const anyOperation: fc.Arbitrary<KvOperation> = fc.oneof(
  fc.record({
    verb: fc.constant('set' as const),
    key: fc.string({ maxLength: 20 }),
    value: fc.nat(262_144).map((length) => Buffer.alloc(length)),
  }),
  fc.record({ verb: fc.constant('delete' as const), key: fc.string({ maxLength: 200 }) }),
);

test('batches keep the order and fit one transaction with two checks of the fence', (t) => {
  fc.assert(
    fc.property(fc.array(anyOperation, { maxLength: 200 }), (operations) => {
      const batches = splitOperations(operations);
      t.deepEqual(batches.flat(), operations);
      for (const batch of batches) {
        t.true(batch.length >= 1 && batch.length <= maxOperations - 2);
        const bytes = batch.reduce((sum, each) => sum + wireBytes(each), 0);
        t.true(bytes <= maxRequestBytes);
      }
    }),
    { numRuns: 30 },
  );
});

function wireBytes(operation: KvOperation): number {
  const value = 'value' in operation ? operation.value.toString('base64') : '';
  const fields = {
    Verb: operation.verb,
    Key: operation.key,
    Value: value,
    Flags: 1e15,
    Index: 1e9,
  };
  return Buffer.byteLength(JSON.stringify({ KV: fields }));
}

test('a batch has at most 62 operations', (t) => {
  const of = (count: number): readonly number[] =>
    splitOperations(
      Array.from({ length: count }, (_, n) => ({ verb: 'delete', key: `k${n}` }) as const),
    ).map(({ length }) => length);
  t.deepEqual([of(0), of(62), of(63), of(125)], [[], [62], [62, 1], [62, 62, 1]]);
});

test('a batch ends before the operation that would make its request too large', (t) => {
  const set = (length: number): KvOperation => ({
    ...{ verb: 'set', key: 'k', value: Buffer.alloc(length) },
  });
  const sizes = (...lengths: readonly number[]): readonly number[] =>
    splitOperations(lengths.map(set)).map(({ length }) => length);
  // Base64 needs four bytes for three; 8,192 bytes and 162 for each operation are kept free.
  const most = ((maxRequestBytes - 8_192 - 2 * 162) / 4) * 3;
  t.deepEqual(sizes(300_000, most - 300_000), [2]);
  t.deepEqual(sizes(300_000, most - 300_000 + 1), [1, 1]);
  t.deepEqual(sizes(600_000, 1, 600_000), [1, 1, 1]);
  // The key of an operation counts twice: once in the request, once in the answer.
  const removal = (length: number): KvOperation => ({ verb: 'delete', key: 'k'.repeat(length) });
  const longest = (maxRequestBytes - 8_192 - 2 * 160) / 2 - 100;
  t.is(splitOperations([removal(100), removal(longest)]).length, 1);
  t.is(splitOperations([removal(100), removal(longest + 1)]).length, 2);
});
