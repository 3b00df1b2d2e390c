import type { ExecutionContext } from 'ava';
import test from 'ava';
import { AppError, isAppError } from '../../../manager/common/base/errors.js';
import type { ErrorKind } from '../../../manager/common/base/errors.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import { fingerprintOf, parseToken } from '../../../manager/common/pki/join-token.js';
import { JoinService } from '../../../manager/ca/join.js';
import type { ClusterRecord, ClusterStore } from '../../../manager/store/store.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { createTestPki } from '../../helpers/pki/pki.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

let ca: string;

test.before(async () => {
  ({ ca } = await createTestPki('c1'));
});

interface Desk {
  readonly clock: ManualClock;
  readonly store: ClusterStore;
  readonly service: JoinService;
  readonly signed: unknown[];
  readonly record: () => ClusterRecord | undefined;
}

async function desk(sign?: () => Promise<string>): Promise<Desk> {
  const clock = new ManualClock();
  clock.advance(1_000_000);
  const store = await openTestStore(clock);
  await store.update('control', (tx) => {
    const meta = { createdAt: 0, updatedAt: 0, version: 1 };
    tx.create('cluster', { ...meta, id: 'cluster', clusterId: 'c1', name: 'test', revoked: [] });
  });
  const signed: unknown[] = [];
  let ids = 0;
  const service = new JoinService({
    store,
    clock,
    log: silentLogger,
    newId: () => `${String((ids += 1)).padStart(4, '0')}${'x'.repeat(12)}`,
    clusterId: 'c1',
    clusterName: 'test',
    managers: () => Promise.resolve(['m1:4400']),
    ca,
    sign: async (order) => {
      signed.push(order);
      return sign === undefined ? 'chain' : await sign();
    },
  });
  return { clock, store, service, signed, record: () => store.view.get('cluster', 'cluster') };
}

const anyUse = { ttlMs: 60_000, uses: undefined, label: 'rack' };

function bodyFor(text: string, changes: Readonly<Record<string, unknown>> = {}): unknown {
  const { id: tokenId, secret } = parseToken(text);
  return { tokenId, secret, request: 'csr', name: 'fresh', ...changes };
}

async function refused(
  t: ExecutionContext,
  work: Promise<unknown>,
  kind: ErrorKind,
  message: RegExp,
): Promise<void> {
  const error: unknown = await t.throwsAsync(work);
  t.true(isAppError(error) && error.kind === kind, String(error));
  t.regex((error as Error).message, message);
}

test('a token has a short ID, its life, its uses and no hash', async (t) => {
  const { service, record } = await desk();
  const { token, text } = await service.create({ ttlMs: 5_000, uses: 3, label: 'rack' });
  t.is(token.id.length, 12);
  t.deepEqual(token, {
    id: token.id,
    role: 'worker',
    label: 'rack',
    createdAt: 1_000_000,
    expiresAt: 1_005_000,
    usesLeft: 3,
    used: 0,
  });
  t.is(parseToken(text).fingerprint, fingerprintOf(ca));
  t.is(parseToken(text).id, token.id);
  t.false(JSON.stringify(record()).includes(parseToken(text).secret));
  t.false('usesLeft' in (await service.create(anyUse)).token);
});

test('creating a token removes the expired ones, and only those', async (t) => {
  const { service, clock, record } = await desk();
  const first = await service.create({ ...anyUse, ttlMs: 1_000 });
  const second = await service.create({ ...anyUse, ttlMs: 1_001 });
  clock.advance(1_000);
  const third = await service.create(anyUse);
  const ids = record()?.tokens?.map(({ id }) => id);
  t.deepEqual(ids, [second.token.id, third.token.id]);
  t.false(ids?.includes(first.token.id));
});

test('at most a hundred valid tokens exist', async (t) => {
  const { service, record } = await desk();
  for (let count = 0; count < 100; count += 1) await service.create(anyUse);
  await refused(t, service.create(anyUse), 'conflict', /limit of 100 reached/);
  t.is(record()?.tokens?.length, 100);
});

test('a rotated token has a new secret, and the other tokens keep theirs', async (t) => {
  const { service } = await desk();
  const [one, other] = [await service.create(anyUse), await service.create(anyUse)];
  const rotated = await service.rotate(one.token.id);
  t.deepEqual(rotated.token, one.token);
  await refused(t, service.join(bodyFor(one.text), 'a'), 'forbidden', /join token: unknown/);
  await t.notThrowsAsync(service.join(bodyFor(rotated.text), 'a'));
  await t.notThrowsAsync(service.join(bodyFor(other.text), 'a'));
  await refused(t, service.rotate('none'), 'not-found', /no such token: none/);
});

test('a machine joins as a worker with an ID of the manager, and the use is counted', async (t) => {
  const { service, signed, record } = await desk();
  const other = await service.create({ ...anyUse, uses: 5 });
  const { text, token } = await service.create({ ...anyUse, uses: 2 });
  const answer = await service.join(bodyFor(text), 'a');
  const { nodeId } = answer;
  t.deepEqual(answer, {
    clusterId: 'c1',
    clusterName: 'test',
    nodeId,
    chain: 'chain',
    managers: ['m1:4400'],
  });
  t.deepEqual(signed, [
    {
      request: 'csr',
      identity: { clusterId: 'c1', role: 'worker', nodeId },
    },
  ]);
  const counts = record()?.tokens?.map(({ id, usesLeft, used }) => ({ id, usesLeft, used }));
  t.deepEqual(counts, [
    { id: other.token.id, usesLeft: 5, used: 0 },
    { id: token.id, usesLeft: 1, used: 1 },
  ]);
});

test('names that a joining machine requests are ignored', async (t) => {
  const { service, signed } = await desk();
  const { text } = await service.create(anyUse);
  for (const alternativeNames of [['10.0.0.1', 'manager'], 'm1', [7]])
    await service.join(bodyFor(text, { alternativeNames }), 'a');
  t.false(JSON.stringify(signed).includes('lternativeNames'));
  t.is(signed.length, 3);
});

test('a token without a limit keeps being unlimited', async (t) => {
  const { service, record } = await desk();
  const { text } = await service.create(anyUse);
  for (let count = 0; count < 3; count += 1) await service.join(bodyFor(text), 'a');
  t.like(record()?.tokens?.[0], { used: 3 });
  t.false('usesLeft' in (record()?.tokens?.[0] ?? {}));
});

test('a token is valid until the millisecond of its end', async (t) => {
  const { service, clock, signed } = await desk();
  const { text } = await service.create(anyUse);
  clock.advance(59_999);
  await t.notThrowsAsync(service.join(bodyFor(text), 'a'));
  clock.advance(1);
  await refused(t, service.join(bodyFor(text), 'a'), 'forbidden', /expired on .*1970/);
  t.is(signed.length, 1);
});

test('a spent token signs nothing', async (t) => {
  const { service, signed } = await desk();
  const { text } = await service.create({ ...anyUse, uses: 1 });
  await service.join(bodyFor(text), 'a');
  await refused(t, service.join(bodyFor(text), 'a'), 'forbidden', /no uses left/);
  t.is(signed.length, 1);
});

test('of two machines that join at once with the last use only one gets a chain', async (t) => {
  const { service, record } = await desk();
  const { text } = await service.create({ ...anyUse, uses: 1 });
  const results = await Promise.allSettled(
    ['one', 'two'].map((name) => service.join(bodyFor(text, { name }), 'a')),
  );
  t.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  t.like(record()?.tokens?.[0], { usesLeft: 0, used: 1 });
});

test('a token removed while the request is signed yields no chain', async (t) => {
  const opened: { store?: ClusterStore } = {};
  const { service, store, record } = await desk(async () => {
    await opened.store?.update('control', (tx) => {
      const found = tx.get('cluster', 'cluster');
      if (found !== undefined) tx.put('cluster', { ...found, tokens: [] });
    });
    return 'chain';
  });
  opened.store = store;
  const { text } = await service.create(anyUse);
  await refused(t, service.join(bodyFor(text), 'a'), 'forbidden', /no uses left/);
  t.deepEqual(record()?.tokens, []);
});

test('a request that cannot be signed takes no use', async (t) => {
  const { service, record } = await desk(() =>
    Promise.reject(new AppError('invalid', 'bad request')),
  );
  const { text } = await service.create({ ...anyUse, uses: 1 });
  await refused(t, service.join(bodyFor(text), 'a'), 'invalid', /bad request/);
  t.like(record()?.tokens?.[0], { usesLeft: 1, used: 0 });
});

test('a name in use is refused before anything is signed', async (t) => {
  const { service, store, signed } = await desk();
  await store.update('control', (tx) => {
    const meta = { createdAt: 0, updatedAt: 0, version: 1 };
    const spec = { name: 'fresh', labels: {}, availability: 'active' } as const;
    tx.create('nodes', { ...meta, id: 'n1' as NodeId, spec, status: { state: 'down' } } as never);
  });
  const { text } = await service.create({ ...anyUse, uses: 1 });
  await refused(t, service.join(bodyFor(text), 'a'), 'conflict', /fresh: already used by node n1/);
  await t.notThrowsAsync(service.join(bodyFor(text, { name: 'other' }), 'a'));
  t.is(signed.length, 1);
});

test('a malformed request is refused by its field', async (t) => {
  const { service, signed } = await desk();
  const { text } = await service.create(anyUse);
  const wrong: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
    [{ tokenId: '' }, /tokenId must be a string of 1 to 64/],
    [{ tokenId: 'x'.repeat(65) }, /tokenId must be/],
    [{ secret: 7 }, /secret must be a string of 1 to 128/],
    [{ secret: 'x'.repeat(129) }, /secret must be/],
    [{ request: undefined }, /request must be a string of 1 to 16384/],
    [{ request: 'x'.repeat(16_385) }, /request must be/],
    [{ name: 'x'.repeat(64) }, /name must be a string of 1 to 63/],
    [{ name: '../etc' }, /node name ".*": invalid/],
  ];
  for (const [changes, message] of wrong)
    await refused(t, service.join(bodyFor(text, changes), 'a'), 'invalid', message);
  await refused(t, service.join(undefined, 'a'), 'invalid', /name must be/);
  t.deepEqual(signed, []);
});

test('the longest allowed fields are accepted', async (t) => {
  const { service } = await desk();
  const { text } = await service.create(anyUse);
  const longest = { name: 'x'.repeat(63), request: 'x'.repeat(16_384) };
  await t.notThrowsAsync(service.join(bodyFor(text, longest), 'a'));
  const unknown = bodyFor(text, { tokenId: 'x'.repeat(64), secret: 'x'.repeat(128) });
  await refused(t, service.join(unknown, 'a'), 'forbidden', /unknown/);
});

test('the eleventh attempt of an address within a minute is refused, whatever it shows', async (t) => {
  const { service, clock } = await desk();
  const { text } = await service.create(anyUse);
  const wrong = bodyFor(text, { secret: 'wrong' });
  for (let count = 0; count < 10; count += 1)
    await refused(t, service.join(wrong, 'a'), 'forbidden', /unknown/);
  await refused(t, service.join(bodyFor(text), 'a'), 'unavailable', /too many failed attempts/);
  await t.notThrowsAsync(service.join(bodyFor(text), 'b'));
  clock.advance(59_999);
  await refused(t, service.join(bodyFor(text), 'a'), 'unavailable', /too many/);
  await service.rotate(parseToken(text).id);
  clock.advance(1);
  await refused(t, service.join(bodyFor(text), 'a'), 'forbidden', /unknown/);
});

test('a thousand failed attempts from many addresses stop everybody for a minute', async (t) => {
  const { service, clock } = await desk();
  const { text } = await service.create({ ...anyUse, ttlMs: 600_000 });
  const wrong = bodyFor(text, { tokenId: 'wrong' });
  for (let count = 0; count < 999; count += 1)
    await t.throwsAsync(service.join(wrong, `a${count}`));
  await t.notThrowsAsync(service.join(bodyFor(text), 'b'));
  await refused(t, service.join(wrong, 'c'), 'forbidden', /unknown/);
  await refused(t, service.join(bodyFor(text), 'b'), 'unavailable', /too many/);
  clock.advance(60_000);
  await t.notThrowsAsync(service.join(bodyFor(text), 'b'));
});

test('one address gets at most sixty certificates at once, all together two hundred', async (t) => {
  const { service, clock, signed } = await desk();
  const { text } = await service.create(anyUse);
  const join = (remote: string): Promise<unknown> => service.join(bodyFor(text), remote);
  const busy = /too many requests; retry in a minute/;
  for (let count = 0; count < 60; count += 1) await join('a');
  await refused(t, join('a'), 'unavailable', busy);
  for (const remote of ['b', 'c']) for (let count = 0; count < 60; count += 1) await join(remote);
  for (let count = 0; count < 20; count += 1) await join('d');
  await refused(t, join('d'), 'unavailable', busy);
  t.is(signed.length, 200);
  clock.advance(1_000);
  await t.notThrowsAsync(join('a'));
  await refused(t, join('a'), 'unavailable', busy);
});
