import type { ExecutionContext } from 'ava';
import test from 'ava';
import { isForbidden } from '../../../../manager/common/base/errors.js';
import type { HeldLock } from '../../../../manager/store/election.js';
import { ConsulLock } from '../../../../manager/store/consul/lock.js';
import { ConsulState } from '../../../helpers/fakes/consul-state.js';
import type { ConsulRequest } from '../../../helpers/fakes/fake-consul.js';
import { clientOfPorts, startFakeServer } from '../../../helpers/fakes/fake-consul.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';
import { silentLogger } from '../../../helpers/fakes/silent-logger.js';
import { until } from '../../../helpers/until.js';

const key = 'shoal/test/leader';
const refusal = { status: 500, body: 'rpc error' } as const;

interface Candidates {
  readonly state: ConsulState;
  readonly clock: ManualClock;
  readonly requests: readonly ConsulRequest[];
  readonly lockOf: (nodeId: string) => ConsulLock;
}

/** Managers of a cluster whose Consul is a fake. */
async function candidates(t: ExecutionContext): Promise<Candidates> {
  const [state, clock] = [new ConsulState(), new ManualClock()];
  const { port, requests } = await startFakeServer(t, state.answer);
  const lockOf = (nodeId: string): ConsulLock => {
    const self = { nodeId, address: `${nodeId}.example:7070` };
    const common = { prefix: 'shoal', cluster: 'test', clusterId: 'c1', log: silentLogger };
    const client = clientOfPorts(t, [port]);
    const lock = new ConsulLock({ ...common, client, self, elapsed: () => clock.elapsed() });
    t.teardown(() => lock.close());
    return lock;
  };
  return { state, clock, requests, lockOf };
}

const never = new AbortController().signal;

/** Acquires a lock that is free, until the end of the test. */
async function take(t: ExecutionContext, lock: ConsulLock): Promise<HeldLock> {
  const held = await lock.acquire(never);
  t.teardown(() => held.release());
  return held;
}

function leaderIn({ entries }: ConsulState): unknown {
  const entry = entries.get(key);
  const value = Buffer.from(entry?.Value ?? '', 'base64').toString();
  return entry?.Session === undefined ? undefined : (JSON.parse(value) as unknown);
}

test.serial(
  'a free lock is taken with a session that depends on the check of the manager',
  async (t) => {
    const { state, lockOf } = await candidates(t);
    const lock = lockOf('m1');
    t.is(lock.leader, undefined);
    let heard = 0;
    const held = await lock.acquire(never, () => {
      heard += 1;
    });
    t.is(heard, 1);
    t.deepEqual(held.fence, { key, index: state.entries.get(key)?.ModifyIndex ?? 0 });
    t.false(held.lost.aborted);
    const self = { nodeId: 'm1', address: 'm1.example:7070' };
    t.deepEqual(lock.leader, self);
    t.deepEqual(leaderIn(state), self);
    t.like(
      [...state.sessions.values()],
      [
        {
          ...{ Name: 'shoal manager m1', TTL: '10s', LockDelay: '0s', Behavior: 'release' },
          Checks: ['serfHealth', 'service:shoal-manager-test-m1'],
        },
      ],
    );
    t.deepEqual([...state.services.keys()], ['shoal-manager-test-m1']);
    await held.release();
    t.true(held.lost.aborted);
    t.is(lock.leader, undefined);
    t.is(leaderIn(state), undefined);
    t.is(state.sessions.size, 0);
    await lock.close();
    t.is(state.services.size, 0);
  },
);

test.serial(
  'another manager waits, knows the leader and leads as soon as the lock is free',
  async (t) => {
    const { state, lockOf } = await candidates(t);
    const [first, second] = [lockOf('m1'), lockOf('m2')];
    const held = await take(t, first);
    let [heard, got] = [0, false];
    const waiting = second.acquire(never, () => {
      heard += 1;
    });
    void waiting.then(() => {
      got = true;
    });
    await until('the leader is known', 10_000, () => second.leader?.nodeId === 'm1');
    t.deepEqual([heard, got], [1, false]);
    await held.release();
    const next = await waiting;
    t.is(second.leader?.nodeId, 'm2');
    t.true(next.fence.index > held.fence.index);
    t.deepEqual([heard, state.sessions.size], [2, 1]);
    await next.release();
  },
);

test.serial('a manager that stops waiting leaves no session behind', async (t) => {
  const { state, lockOf } = await candidates(t);
  const [first, second] = [lockOf('m1'), lockOf('m2')];
  const held = await take(t, first);
  const abort = new AbortController();
  const waiting = second.acquire(abort.signal);
  await until('the leader is known', 10_000, () => second.leader !== undefined);
  abort.abort();
  await t.throwsAsync(waiting, { message: 'waiting for the leader lock was cancelled' });
  t.is(state.sessions.size, 1);
  await t.throwsAsync(second.acquire(abort.signal), { any: true });
  t.is(state.sessions.size, 1);
  await held.release();
});

test.serial('a lock that Consul took away is lost, and its leader is the new holder', async (t) => {
  const { state, lockOf } = await candidates(t);
  const lock = lockOf('m1');
  const held = await take(t, lock);
  const [session = ''] = state.sessions.keys();
  state.endSession(session);
  await until('the loss', 10_000, () => held.lost.aborted);
  t.is(lock.leader, undefined);
  await held.release();
});

test.serial('a lock whose key was written again by the same session is lost', async (t) => {
  const { state, lockOf } = await candidates(t);
  const held = await take(t, lockOf('m1'));
  const [session = ''] = state.sessions.keys();
  state.set(key, 'not json', session);
  await until('the loss', 10_000, () => held.lost.aborted);
  t.pass();
  await held.release();
});

test.serial('a stale lock of the same manager is released at once', async (t) => {
  const { state, lockOf } = await candidates(t);
  state.sessions.set('stale', {});
  state.set(key, JSON.stringify({ nodeId: 'm1', address: 'before:1' }), 'stale');
  const held = await take(t, lockOf('m1'));
  t.false(state.sessions.has('stale'));
  t.deepEqual(leaderIn(state), { nodeId: 'm1', address: 'm1.example:7070' });
  await held.release();
});

test.serial('a lock with a malformed value is that of an unknown leader', async (t) => {
  const { state, lockOf } = await candidates(t);
  state.sessions.set('other', {});
  state.set(key, '{"nodeId":7}', 'other');
  const lock = lockOf('m1');
  const waiting = lock.acquire(never);
  await until('the session', 10_000, () => state.sessions.size === 2);
  t.is(lock.leader, undefined);
  state.endSession('other');
  await (await waiting).release();
});

test.serial('a session that could not be destroyed is destroyed by the next attempt', async (t) => {
  const { state, lockOf } = await candidates(t);
  const lock = lockOf('m1');
  const held = await take(t, lock);
  const [session = ''] = state.sessions.keys();
  state.intercept = ({ line }) => (line.includes('/session/destroy/') ? refusal : undefined);
  await held.release();
  t.true(state.sessions.has(session));
  state.intercept = undefined;
  const next = await take(t, lock);
  t.false(state.sessions.has(session));
  t.false(next.lost.aborted);
  await next.release();
  t.is(state.sessions.size, 0);
});

test.serial(
  'a session is retried until the check has reached the catalog, but not without permission',
  async (t) => {
    const { state, clock, lockOf } = await candidates(t);
    const isCreate = ({ line }: ConsulRequest): boolean => line.endsWith('/session/create');
    let refused = 0;
    state.intercept = (request) => {
      if (!isCreate(request) || refused === 2) return undefined;
      refused += 1;
      return { status: 500, body: 'Missing check registration' };
    };
    const held = await take(t, lockOf('m1'));
    t.is(refused, 2);
    await held.release();
    state.intercept = (request) => (isCreate(request) ? { status: 403, body: '' } : undefined);
    t.true(isForbidden(await t.throwsAsync(lockOf('m2').acquire(never))));
    state.intercept = (request) => {
      if (!isCreate(request)) return undefined;
      clock.advance(4_001);
      return { status: 500, body: 'Missing check registration' };
    };
    await t.throwsAsync(lockOf('m3').acquire(never), { message: /Missing check registration/u });
  },
);

test.serial('a candidate whose session has expired meanwhile starts again', async (t) => {
  const { state, lockOf } = await candidates(t);
  const [first, second] = [lockOf('m1'), lockOf('m2')];
  const held = await take(t, first);
  const waiting = second.acquire(never);
  await until(
    'both sessions',
    10_000,
    () => state.sessions.size === 2 && second.leader !== undefined,
  );
  const [, expired = ''] = state.sessions.keys();
  state.sessions.delete(expired);
  await held.release();
  await t.throwsAsync(waiting, { message: 'consul session expired' });
});

test.serial('a holder whose check was not heard for three seconds gives up the lock', async (t) => {
  const { state, clock, lockOf } = await candidates(t);
  const held = await take(t, lockOf('m1'));
  state.intercept = ({ line }) =>
    line.includes('/check/pass/') || line.includes('/service/register') ? refusal : undefined;
  const passes = (): number => [...state.passes.values()][0] ?? 0;
  const before = passes();
  clock.advance(2_900);
  t.false(held.lost.aborted);
  clock.advance(200);
  await until('the loss', 10_000, () => held.lost.aborted);
  t.is(passes(), before);
  state.intercept = undefined;
  await held.release();
});

test.serial('a holder that cannot read the lock keeps it for ten seconds', async (t) => {
  const { state, clock, requests, lockOf } = await candidates(t);
  const isWatch = ({ line, query }: ConsulRequest): boolean =>
    line === `GET /v1/kv/${key}` && query.has('index');
  state.intercept = (request) => (isWatch(request) ? refusal : undefined);
  const held = await take(t, lockOf('m1'));
  const passes = (): number => [...state.passes.values()][0] ?? 0;
  await until('a failed read', 10_000, () => requests.filter(isWatch).length > 2);
  for (const _second of [2.9, 5.8, 8.7]) {
    clock.advance(2_900);
    const before = passes();
    await until('later passes', 10_000, () => passes() >= before + 2);
    t.false(held.lost.aborted);
  }
  clock.advance(1_400);
  await until('the loss', 10_000, () => held.lost.aborted);
  state.intercept = undefined;
  await held.release();
});
