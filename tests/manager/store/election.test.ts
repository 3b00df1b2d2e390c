import test from 'ava';
import type { Logger } from '../../../manager/common/base/log.js';
import type { HeldLock, Leader, LeaderLock, Term } from '../../../manager/store/election.js';
import { Election } from '../../../manager/store/election.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { until } from '../../helpers/until.js';

type Attempt = (signal: AbortSignal, heard: () => void) => Promise<HeldLock>;

/** A lock whose attempts to acquire it the test decides. */
class ScriptedLock implements LeaderLock {
  leader: Leader | undefined;
  attempt: Attempt = untilAborted;
  attempts = 0;
  closed = 0;

  acquire(signal: AbortSignal, heard: () => void = () => undefined): Promise<HeldLock> {
    this.attempts += 1;
    return this.attempt(signal, heard);
  }

  close(): Promise<void> {
    this.closed += 1;
    return Promise.resolve();
  }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(new Error('aborted'));
    });
  });
}

/** A lock that is held until `lose`; `released` counts its releases. */
class FakeHold implements HeldLock {
  readonly fence = { key: 'leader', index: 3 };
  readonly #lost = new AbortController();
  released = 0;

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  lose(): void {
    this.#lost.abort();
  }

  release(): Promise<void> {
    this.released += 1;
    return Promise.resolve();
  }
}

/** A term that runs until `end` or `stop`. */
class FakeTerm implements Term {
  readonly ended: Promise<unknown>;
  end: () => void = () => undefined;
  stopped = 0;

  constructor() {
    this.ended = new Promise<void>((resolve) => {
      this.end = resolve;
    });
  }

  stop(): Promise<void> {
    this.stopped += 1;
    return Promise.resolve();
  }
}

/** An election whose lock is free: each turn has a hold and a term of its own. */
function freeElection(log: Logger = silentLogger): {
  readonly election: Election;
  readonly lock: ScriptedLock;
  readonly holds: readonly FakeHold[];
  readonly terms: readonly FakeTerm[];
} {
  const lock = new ScriptedLock();
  const [holds, terms] = [[] as FakeHold[], [] as FakeTerm[]];
  lock.attempt = () => {
    const hold = new FakeHold();
    holds.push(hold);
    return Promise.resolve(hold);
  };
  const lead = (held: HeldLock): Promise<Term> => {
    if (held !== holds.at(-1)) throw new Error('led with another hold');
    const term = new FakeTerm();
    terms.push(term);
    return Promise.resolve(term);
  };
  return { election: new Election({ lock, lead, log }), lock, holds, terms };
}

const leads = (election: Election): Promise<void> =>
  until('the manager leads', 5_000, () => election.leading);

test('a manager leads while it holds the lock and stops its term before it releases it', async (t) => {
  const { election, lock, holds, terms } = freeElection();
  t.false(election.leading);
  election.start();
  election.start();
  await leads(election);
  t.deepEqual([lock.attempts, holds[0]?.released, terms[0]?.stopped], [1, 0, 0]);
  await election.stop();
  t.false(election.leading);
  t.deepEqual([lock.attempts, holds[0]?.released, terms[0]?.stopped], [1, 1, 1]);
  t.is(lock.closed, 1);
  t.is(election.lastError, undefined);
});

for (const [title, end] of [
  ['lock is lost', (hold: FakeHold | undefined) => hold?.lose()],
  ['store is lost', (_: FakeHold | undefined, term: FakeTerm | undefined) => term?.end()],
] as const) {
  test(`a term whose ${title} is stopped before the next one`, async (t) => {
    const { election, holds, terms } = freeElection();
    election.start();
    await leads(election);
    end(holds[0], terms[0]);
    await until('the next term', 5_000, () => terms.length === 2 && election.leading);
    t.deepEqual([holds[0]?.released, terms[0]?.stopped], [1, 1]);
    t.deepEqual([holds[1]?.released, terms[1]?.stopped], [0, 0]);
    await election.stop();
  });
}

test('a lock that was lost during the start of a term ends it at once', async (t) => {
  const { election, lock, holds, terms } = freeElection();
  const free = lock.attempt;
  lock.attempt = async (signal, heard) => {
    lock.attempt = free;
    const held = await free(signal, heard);
    holds[0]?.lose();
    return held;
  };
  election.start();
  await until('the next term', 5_000, () => terms.length === 2 && election.leading);
  t.is(terms[0]?.stopped, 1);
  await election.stop();
});

test('a term that cannot start releases the lock, and the manager retries', async (t) => {
  const lock = new ScriptedLock();
  const hold = new FakeHold();
  const warnings: unknown[] = [];
  const log: Logger = {
    ...silentLogger,
    warn: (message, fields) => warnings.push([message, fields]),
  };
  let starts = 0;
  const lead = (): Promise<Term> => {
    starts += 1;
    if (starts < 3) return Promise.reject(new Error('no store'));
    return Promise.resolve(new FakeTerm());
  };
  lock.attempt = () => Promise.resolve(hold);
  const election = new Election({ lock, lead, log });
  election.start();
  await until('the error', 5_000, () => election.lastError === 'no store');
  t.false(election.leading);
  await leads(election);
  t.is(hold.released, 2);
  t.is(election.lastError, undefined);
  t.deepEqual(warnings, [
    ['election: no store', { failures: 1 }],
    ['election: no store', { failures: 2 }],
  ]);
  await election.stop();
});

test('failures are counted anew after a term', async (t) => {
  const warnings: unknown[] = [];
  const { election, lock, holds, terms } = freeElection({
    ...silentLogger,
    warn: (_, fields) => warnings.push(fields?.failures),
  });
  const free = lock.attempt;
  const fail: Attempt = () => {
    lock.attempt = free;
    return Promise.reject(new Error('no consul'));
  };
  lock.attempt = fail;
  election.start();
  await leads(election);
  lock.attempt = fail;
  holds[0]?.lose();
  await until('the next term', 5_000, () => terms.length === 2 && election.leading);
  t.deepEqual(warnings, [1, 1]);
  await election.stop();
});

test('an error is forgotten as soon as the lock was read, though another manager has it', async (t) => {
  const lock = new ScriptedLock();
  let heard = (): void => undefined;
  lock.attempt = () => {
    lock.attempt = (signal, tell) => {
      heard = tell;
      return untilAborted(signal);
    };
    return Promise.reject(new Error('no consul'));
  };
  lock.leader = { nodeId: 'm2', address: '10.0.0.2:7000' };
  const election = new Election({
    lock,
    log: silentLogger,
    lead: () => Promise.reject(new Error('never')),
  });
  t.is(election.leader, lock.leader);
  election.start();
  await until('the second attempt', 5_000, () => lock.attempts === 2);
  t.is(election.lastError, 'no consul');
  heard();
  t.is(election.lastError, undefined);
  await election.stop();
  t.is(election.lastError, undefined);
});

test('an election that stops during a pause does not wait for its end', async (t) => {
  const lock = new ScriptedLock();
  lock.attempt = () => Promise.reject(new Error('no consul'));
  const election = new Election({
    lock,
    log: silentLogger,
    lead: () => Promise.reject(new Error('never')),
  });
  election.start();
  await until('some failures', 10_000, () => lock.attempts === 4);
  await election.stop();
  t.is(lock.attempts, 4);
  t.is(lock.closed, 1);
});
