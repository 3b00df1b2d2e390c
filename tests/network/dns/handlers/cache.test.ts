import test from 'ava';
import type { Answer } from 'dns-packet';
import { decode, encode } from 'dns-packet';
import { deferred } from '../../../../manager/common/base/cancellation.js';
import { cacheHandler } from '../../../../network/dns/handlers/cache.js';
import { rcode } from '../../../../network/dns/wire.js';
import { aQuery, type QueryOptions } from '../../../helpers/decisions/dns-query.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';

const record = (ttl: number, name = 'example.org'): Answer => ({
  type: 'A',
  name,
  ttl,
  data: '192.0.2.7',
});

interface Upstream {
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly flags?: number;
}

/** A cache in front of a server that gives these answers. */
function cache(given: Upstream = { answers: [record(20)] }) {
  const clock = new ManualClock();
  const handler = cacheHandler(clock);
  let asked = 0;
  const ask = async (name = 'example.org', options: QueryOptions = {}): Promise<Buffer> =>
    await handler(aQuery(name, options), () => {
      asked += 1;
      const { answers = [], authorities = [], flags = 0 } = given;
      return Promise.resolve(
        encode({
          type: 'response',
          id: 99,
          flags,
          questions: [{ type: 'A', name }],
          answers: [...answers],
          authorities: [...authorities],
        }),
      );
    });
  /** Whether a second query, this many seconds after the first, is answered from the cache. */
  const keepsFor = async (seconds: number): Promise<boolean> => {
    await ask();
    clock.advance(seconds * 1_000);
    const before = asked;
    await ask();
    return asked === before;
  };
  return { clock, ask, keepsFor, asked: () => asked };
}

test('an answer is kept for its TTL, at most thirty seconds', async (t) => {
  t.true(await cache().keepsFor(19.999));
  t.false(await cache().keepsFor(20));
  const long = { answers: [record(3_600)] };
  t.true(await cache(long).keepsFor(29.999));
  t.false(await cache(long).keepsFor(30));
  const mixed = { answers: [record(20), record(10)] };
  t.true(await cache(mixed).keepsFor(9.999));
  t.false(await cache(mixed).keepsFor(10));
});

test('an answer without addresses or for a missing name is kept for five seconds', async (t) => {
  const mname = 'ns.example.org';
  const soa = { type: 'SOA', name: 'example.org', ttl: 60, data: { mname, rname: mname } } as const;
  for (const negative of [
    { authorities: [soa] },
    { authorities: [soa], flags: rcode.nameError },
    { answers: [record(60)], flags: rcode.nameError },
  ]) {
    t.true(await cache(negative).keepsFor(4.999));
    t.false(await cache(negative).keepsFor(5));
  }
});

test('failures, truncated answers and answers without a TTL are not kept', async (t) => {
  for (const given of [
    { answers: [record(20)], flags: rcode.serverFailure },
    { answers: [record(20)], flags: 0x0200 },
    { answers: [record(0)] },
    { answers: [] },
  ])
    t.false(await cache(given).keepsFor(0));
  t.true(await cache({ answers: [record(1)] }).keepsFor(0.5));
});

test('a cached answer has the id, spelling and recursion flag of its client, and its TTL shrinks', async (t) => {
  const it = cache();
  await it.ask();
  it.clock.advance(2_500);
  for (const flags of [0, 0x0100]) {
    const answer = decode(await it.ask('Example.ORG', { id: 5, flags }));
    t.is(answer.id, 5);
    t.is(answer.questions?.[0]?.name, 'Example.ORG');
    t.is(answer.flag_rd, flags !== 0);
    t.like(answer.answers, [{ ttl: 18, data: '192.0.2.7' }]);
  }
  t.is(it.asked(), 1);
});

test('queries that differ in more than spelling and id have entries of their own', async (t) => {
  const it = cache();
  const others: readonly QueryOptions[] = [
    {},
    { transport: 'tcp' },
    { upstreams: ['192.0.2.1'] },
    { flags: 0x0110 },
    { edns: 1_232 },
    { type: 'AAAA' },
  ];
  for (const options of others) await it.ask('example.org', options);
  await it.ask('example.info');
  t.is(it.asked(), others.length + 1);
  for (const options of others) await it.ask('example.org', options);
  t.is(it.asked(), others.length + 1);
});

test('equal queries in progress share one request and its failure, which is not kept', async (t) => {
  const handler = cacheHandler(new ManualClock());
  const answer = deferred<Buffer>();
  let asked = 0;
  const next = (): Promise<Buffer> => {
    asked += 1;
    return answer.promise;
  };
  const both = [1, 2].map(async (id) => await handler(aQuery('example.org', { id }), next));
  answer.resolve(
    encode({ type: 'response', id: 9, questions: [{ type: 'A', name: 'example.org' }] }),
  );
  const ids = (await Promise.all(both)).map((message) => message.readUInt16BE(0));
  t.deepEqual(ids.slice(1), [2]);
  t.is(asked, 1);
  const failing = async (): Promise<Buffer> =>
    await handler(aQuery('example.org'), () => Promise.reject(new Error('cut off')));
  await t.throwsAsync(Promise.all([failing(), failing()]), { message: 'cut off' });
  await t.notThrowsAsync(async () => await handler(aQuery('example.org'), next));
  t.is(asked, 2);
});

test('a full cache drops the older half', async (t) => {
  const it = cache();
  for (let index = 0; index <= 4_096; index += 1) await it.ask(`n${index}`);
  const isKept = async (index: number): Promise<boolean> => {
    const before = it.asked();
    await it.ask(`n${index}`);
    return it.asked() === before;
  };
  t.true(await isKept(4_096));
  t.true(await isKept(2_049));
  t.false(await isKept(2_048));
});

test('a full cache keeps every entry until one more comes', async (t) => {
  const it = cache();
  for (let index = 0; index < 4_096; index += 1) await it.ask(`n${index}`);
  await it.ask('n0');
  t.is(it.asked(), 4_096);
});

test('large answers fill the cache by their size: names of a hostile zone do not fill the memory', async (t) => {
  const data = Array.from({ length: 240 }, () => 'x'.repeat(250));
  const it = cache({ answers: [{ type: 'TXT', name: 'example.org', ttl: 20, data }] });
  for (let index = 0; index < 300; index += 1) await it.ask(`n${index}`);
  const isKept = async (index: number): Promise<boolean> => {
    const before = it.asked();
    await it.ask(`n${index}`);
    return it.asked() === before;
  };
  t.true(await isKept(299));
  t.false(await isKept(150));
  t.false(await isKept(0));
});
