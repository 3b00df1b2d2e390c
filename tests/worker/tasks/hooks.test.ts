import { Duplex } from 'node:stream';
import test from 'ava';
import { AppError } from '../../../manager/common/base/errors.js';
import type { HookSpec } from '../../../manager/common/model/container.js';
import type { ExecOptions } from '../../../manager/common/protocol/worker-calls.js';
import type { ContainerAccess } from '../../../worker/executor/executor.js';
import { runHooks } from '../../../worker/tasks/hooks.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { settle } from '../../helpers/fakes/runner-bench.js';

interface Play {
  readonly status?: number;
  readonly says?: readonly string[];
  /** Its output goes on: an error ends it, or nothing but the caller. */
  readonly breaks?: Error;
  readonly lasts?: boolean;
  readonly tty?: boolean;
  readonly hasNoStream?: boolean;
}

/** One frame of the engine on stderr. */
function frame(text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = 2;
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}

/** The output of a process, which begins once its input has ended, as of a hook that reads all of it. */
function processStream({ says = [], breaks, lasts, tty }: Play): Duplex {
  return new Duplex({
    read: () => undefined,
    final(done) {
      done();
      for (const text of says) this.push(tty === true ? Buffer.from(text) : frame(text));
      if (breaks !== undefined) this.destroy(breaks);
      else if (lasts !== true) this.push(null);
    },
  });
}

/** An engine on which each exec plays its part in order; without one it exits with 0. */
function player(...plays: readonly Play[]) {
  const asked: ExecOptions[] = [];
  const streams: Duplex[] = [];
  const access: Pick<ContainerAccess, 'exec'> = {
    exec: (_containerId, options) => {
      const play = plays[asked.length] ?? {};
      asked.push(options);
      const stream = processStream(play);
      streams.push(stream);
      return Promise.resolve({
        stream: play.hasNoStream === true ? undefined : stream,
        tty: play.tty ?? false,
        resize: () => Promise.resolve(),
        exitCode: () => Promise.resolve(play.status ?? 0),
      });
    },
  };
  const clock = new ManualClock();
  const run = (hooks: readonly HookSpec[], signal = new AbortController().signal): Promise<void> =>
    runHooks(access, 'c1', hooks, { kind: 'pre_stop', clock, signal });
  return { asked, streams, clock, run };
}

const hook = (...command: string[]): HookSpec => ({ command, privileged: false, env: {} });

test('hooks run one after another with their user, directory and environment', async (t) => {
  const { run, asked, clock } = player();
  const first = {
    command: ['a', 'b'],
    user: 'root',
    privileged: true,
    workingDir: '/w',
    env: { A: '1', B: null },
  };
  await run([first, hook('c')]);
  const plain = { tty: false, stdin: false, detach: false };
  t.deepEqual(asked, [
    {
      ...plain,
      command: ['a', 'b'],
      user: 'root',
      privileged: true,
      workingDir: '/w',
      env: ['A=1', 'B'],
    },
    { ...plain, command: ['c'], privileged: false, env: [] },
  ]);
  t.is(clock.pendingTimers, 0);
});

test('the first failing hook is reported with its status and last line and stops the others', async (t) => {
  const { run, asked } = player({ status: 3, says: ['one\nno such ', 'table \r\n\n'] });
  const error = await t.throwsAsync(run([hook('a'), hook('b')]), { instanceOf: AppError });
  t.is(error.message, 'pre_stop hook exited with status 3: no such table');
  t.is(error.kind, 'internal');
  t.is(asked.length, 1);
});

test('a failing hook without output is reported with its status', async (t) => {
  for (const play of [{ says: [' \n'] }, {}, { hasNoStream: true }]) {
    const { run } = player({ status: 1, ...play });
    await t.throwsAsync(run([hook('a')]), { message: 'pre_stop hook exited with status 1' });
  }
});

test('the output of a hook with a terminal has no frames', async (t) => {
  const { run } = player({ status: 1, tty: true, says: ['no such file\r\n'] });
  await t.throwsAsync(run([hook('a')]), { message: /status 1: no such file$/u });
});

test('of a very long line the end is reported', async (t) => {
  const { run } = player({ status: 1, says: ['a'.repeat(3_000), 'b'.repeat(2_000)] });
  const error = await t.throwsAsync(run([hook('a')]));
  const line = error.message.split(': ')[1];
  t.is(line, 'a'.repeat(2_096) + 'b'.repeat(2_000));
});

test('a hook whose output is lost may be repeated', async (t) => {
  const { run } = player({ says: ['working'], breaks: new Error('socket hang up') });
  const error = await t.throwsAsync(run([hook('a')]), { instanceOf: AppError });
  t.is(error.kind, 'unavailable');
  t.is(error.message, 'hook output was lost: socket hang up');
});

test('a cancelled hook ends with the reason of its caller, and its stream is closed', async (t) => {
  const { run, streams } = player({ lasts: true });
  const caller = new AbortController();
  const running = run([hook('a')], caller.signal);
  await settle();
  t.false(streams[0]?.destroyed);
  caller.abort(new Error('not wanted'));
  await t.throwsAsync(running, { message: 'not wanted' });
  t.true(streams[0]?.destroyed);
});

test('a hook is cut off after ten minutes', async (t) => {
  const { run, clock } = player({ lasts: true });
  const running = run([hook('a')]);
  await settle();
  clock.advance(599_999);
  await settle();
  t.is(clock.pendingTimers, 1);
  clock.advance(1);
  await t.throwsAsync(running, { message: 'pre_stop hook timed out after 10 minutes' });
});
