import { setImmediate as nextTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { AppError } from '../../../manager/common/base/errors.js';
import { EngineHealth } from '../../../worker/executor/engine-health.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';

type Engine = 'answers' | 'frozen' | 'stopped';

interface Watched {
  readonly health: EngineHealth;
  readonly changes: string[];
  /** Number of pings sent. */
  readonly pings: () => number;
  readonly set: (engine: Engine) => void;
  /** Advances in steps, so that promises settle between timers. */
  readonly pass: (ms: number) => Promise<void>;
}

/** A monitor of an engine that the test freezes, stops and continues. */
function watch(t: ExecutionContext, first: Engine = 'answers'): Watched {
  const clock = new ManualClock();
  const changes: string[] = [];
  let engine = first;
  let count = 0;
  let waiting: (() => void)[] = [];
  const health = new EngineHealth({
    ping: () => {
      count += 1;
      if (engine === 'stopped') {
        return Promise.reject(new AppError('unavailable', 'node n: cannot connect'));
      }
      if (engine === 'answers') return Promise.resolve();
      return new Promise<void>((resolve) => waiting.push(resolve));
    },
    node: 'n',
    clock,
    random: () => 0,
  });
  health.onChange((isSilent) =>
    changes.push(`${String(clock.elapsed())} ${isSilent ? 'silent' : 'answers'}`),
  );
  health.start();
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
  };
  const pass = async (ms: number): Promise<void> => {
    await settle();
    for (let passed = 0; passed < ms; passed += 100) {
      clock.advance(100);
      await settle();
    }
  };
  t.teardown(async () => {
    const stopped = health.stop();
    for (const answer of waiting) answer();
    await stopped;
  });
  return {
    health,
    changes,
    pings: () => count,
    pass,
    set: (next) => {
      engine = next;
      if (next !== 'answers') return;
      for (const answer of waiting) answer();
      waiting = [];
    },
  };
}

const failure = async (health: EngineHealth): Promise<string> =>
  health
    .whileAnswering(new AbortController().signal, () => Promise.resolve('answers'))
    .then(
      (result) => result,
      (error: unknown) => (error as Error).message,
    );

const noAnswer = 'node n: the Docker engine does not answer; check "systemctl status docker" on it';

test('a frozen engine is silent after three seconds and answers again after it continues', async (t) => {
  const { changes, set, pass } = watch(t);
  await pass(500);
  set('frozen');
  await pass(10_000);
  t.deepEqual(changes, ['4000 silent']);
  set('answers');
  await pass(3_000);
  t.is(changes.length, 2);
  t.regex(changes[1] ?? '', /answers$/u);
});

test('an engine that restarts within the deadline is never silent', async (t) => {
  const { changes, set, pass, pings } = watch(t);
  await pass(1_500);
  const before = pings();
  set('stopped');
  await pass(3_000);
  t.true(pings() - before > 3, 'a refused connection is tried again before the deadline');
  set('answers');
  await pass(5_000);
  t.deepEqual(changes, []);
});

test('a stopped engine is silent after the deadline, and pings back off', async (t) => {
  const { changes, set, pass, pings } = watch(t);
  await pass(500);
  set('stopped');
  await pass(10_000);
  t.deepEqual(changes, ['4000 silent']);
  const before = pings();
  await pass(10_000);
  t.true(pings() - before <= 11, `${String(pings() - before)} pings in ten seconds`);
});

test('a command on an engine that has just frozen fails after two seconds', async (t) => {
  const { health, set, pass } = watch(t);
  await pass(500);
  set('frozen');
  let result: string | undefined;
  void failure(health).then((text) => {
    result = text;
  });
  await pass(1_900);
  t.is(result, undefined);
  await pass(200);
  t.is(result, noAnswer);
});

test('a command on a silent engine fails at once, and work in progress is aborted', async (t) => {
  const { health, set, pass } = watch(t);
  await pass(500);
  let seen: AbortSignal | undefined;
  const work = health.whileAnswering(new AbortController().signal, (signal) => {
    seen = signal;
    return new Promise<never>(() => undefined);
  });
  const failed = work.catch((error: unknown) => (error as Error).message);
  await pass(500);
  t.false(seen?.aborted);
  set('frozen');
  await pass(5_000);
  t.true(seen?.aborted);
  t.is(await failed, noAnswer);
  t.is(await failure(health), noAnswer);
  set('answers');
  await pass(3_000);
  t.is(await failure(health), 'answers');
});

test('a command that its caller cancels does not blame the engine', async (t) => {
  const { health, set, pass } = watch(t);
  await pass(500);
  set('frozen');
  const caller = new AbortController();
  const work = health.whileAnswering(caller.signal, () => Promise.resolve());
  const failed = t.throwsAsync(work, { message: 'enough' });
  caller.abort(new Error('enough'));
  await pass(10);
  await failed;
});

test('a command on a stopped engine fails at once with the reason', async (t) => {
  const { health, set, pass } = watch(t);
  await pass(500);
  set('stopped');
  t.is(await failure(health), 'node n: cannot connect');
});
