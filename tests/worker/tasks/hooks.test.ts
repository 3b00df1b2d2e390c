import { PassThrough } from 'node:stream';
import test from 'ava';
import type { ExecOptions } from '../../../manager/common/protocol/worker-calls.js';
import type { ContainerAccess } from '../../../worker/executor/executor.js';
import { runHooks } from '../../../worker/tasks/hooks.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';

interface Played {
  readonly status: number;
  readonly says?: string;
}

/**
 * An engine on which each exec prints its line and exits with the given status; frames as in the
 * engine.
 */
function player(plays: readonly Played[]) {
  const asked: ExecOptions[] = [];
  const executor: Pick<ContainerAccess, 'exec'> = {
    exec: (_containerId, options) => {
      const play = plays[asked.length] ?? { status: 0 };
      asked.push(options);
      const output = new PassThrough();
      const says = Buffer.from(play.says ?? '');
      const head = Buffer.alloc(8);
      head[0] = 2;
      head.writeUInt32BE(says.length, 4);
      output.end(Buffer.concat([head, says]));
      return Promise.resolve({
        stream: Object.assign(output, { end: () => output }),
        tty: false,
        resize: () => Promise.resolve(),
        exitCode: () => Promise.resolve(play.status),
      });
    },
  };
  return { executor, asked };
}

const never = new AbortController().signal;
const clock = new ManualClock();
const hook = (...command: string[]) => ({ command, privileged: false, env: {} });

test('hooks run one after another with their user, directory and environment', async (t) => {
  const { executor, asked } = player([]);
  await runHooks(
    executor,
    'c1',
    [
      {
        command: ['a', 'b'],
        user: 'root',
        privileged: true,
        workingDir: '/w',
        env: { A: '1', B: null },
      },
      hook('c'),
    ],
    { kind: 'post_start', clock, signal: never },
  );
  t.deepEqual(
    asked.map(({ command }) => command),
    [['a', 'b'], ['c']],
  );
  t.like(asked[0], { user: 'root', privileged: true, workingDir: '/w', env: ['A=1', 'B'] });
  t.false('user' in (asked[1] ?? {}));
});

test('the first failing hook is reported with its status and last line and stops the others', async (t) => {
  const { executor, asked } = player([{ status: 3, says: 'one\nno such table\n' }]);
  const run = runHooks(executor, 'c1', [hook('a'), hook('b')], {
    kind: 'pre_stop',
    clock,
    signal: never,
  });
  await t.throwsAsync(run, { message: 'pre_stop hook exited with status 3: no such table' });
  t.is(asked.length, 1);
});

test('a cancelled hook does not count as failed', async (t) => {
  const abort = new AbortController();
  const { executor } = player([]);
  abort.abort();
  const run = runHooks(executor, 'c1', [hook('a')], {
    kind: 'post_start',
    clock,
    signal: abort.signal,
  });
  const error: unknown = await t.throwsAsync(run, { any: true });
  t.is((error as Error).name, 'AbortError');
});
