import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { upload, type UploadTarget } from '../../../cli/provision/upload.js';
import { AppError } from '../../../manager/common/base/errors.js';

const content = Buffer.alloc(300_000, 'shoal');

async function aFile(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-upload-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const gzipPath = join(folder, 'app.gz');
  await writeFile(gzipPath, content);
  return { sum: 'abc', gzipPath, gzipBytes: content.length, bytes: 2_000_000 };
}

/** A machine whose connection breaks, or whose script fails, at the given attempts. */
function aMachine(failures: readonly (AppError | undefined)[]) {
  const received: Buffer[] = [];
  const seen = { lost: false, reconnects: 0, pausesMs: [] as number[], output: '' };
  let attempts = 0;
  const target: UploadTarget = {
    machine: {
      name: 'node-1',
      session: {
        get isLost() {
          return seen.lost;
        },
        reconnect: () => {
          seen.reconnects += 1;
          seen.lost = false;
          return Promise.resolve();
        },
      },
      script: async (_what, _script, _args, options) => {
        const failure = failures[attempts];
        attempts += 1;
        if (failure !== undefined) {
          seen.lost = failure.message.includes('was lost');
          throw failure;
        }
        received.push(await buffer(options?.stdin as Readable));
        return { code: 0, stdout: '', stderr: '' };
      },
    },
    onOutput: (text) => {
      seen.output += text;
    },
    pause: (ms) => {
      seen.pausesMs.push(ms);
      return Promise.resolve();
    },
  };
  return { target, received, seen, attempts: () => attempts };
}

const lost = new AppError('unavailable', 'node-1: ssh connection to 192.0.2.7 was lost: reset');

test('an upload whose connection is lost reconnects and sends the whole file again', async (t) => {
  const it = aMachine([lost, lost, undefined]);
  await upload(it.target, 'shoal', 'cat', await aFile(t));
  t.deepEqual(it.received, [content]);
  t.is(it.seen.reconnects, 2);
  t.true((it.seen.pausesMs[1] ?? 0) > (it.seen.pausesMs[0] ?? 0));
  t.regex(it.seen.output, /connection lost; sending shoal again/u);
});

test('an upload is given up after four attempts, with the last error', async (t) => {
  const it = aMachine(Array.from({ length: 9 }, () => lost));
  await t.throwsAsync(upload(it.target, 'shoal', 'cat', await aFile(t)), { is: lost });
  t.is(it.attempts(), 4);
});

test('an interrupt ends the pause before the next attempt and the attempt to reconnect', async (t) => {
  const reason = new AppError('cancelled', 'interrupted');
  const ending = new AbortController();
  const { target, attempts, seen } = aMachine([lost, lost]);
  const { pause: _pause, ...rest } = target;
  const waiting = {
    ...rest,
    signal: ending.signal,
    onOutput: (text: string) => {
      if (text.startsWith('connection lost')) ending.abort(reason);
    },
  };
  await t.throwsAsync(upload(waiting, 'shoal', 'cat', await aFile(t)), { is: reason });
  t.deepEqual([attempts(), seen.reconnects], [1, 0]);

  const again = new AbortController();
  const it = aMachine([lost]);
  const { session } = it.target.machine;
  const machine = {
    ...it.target.machine,
    session: {
      get isLost() {
        return session.isLost;
      },
      reconnect: ({ signal }: { readonly signal?: AbortSignal | undefined }) => {
        again.abort(reason);
        return Promise.reject(new Error(signal?.aborted === true ? 'aborted' : 'no signal'));
      },
    },
  };
  const options = { ...it.target, machine, signal: again.signal };
  await t.throwsAsync(upload(options, 'shoal', 'cat', await aFile(t)), { is: reason });
  t.is(it.attempts(), 1);
});

test('a failure of the machine itself is not retried and names its remedy', async (t) => {
  const detail = 'gzip: stdout: No space left on device';
  const full = aMachine([new AppError('unavailable', 'node-1: cannot upload', { detail })]);
  await t.throwsAsync(upload(full.target, 'shoal', 'cat', await aFile(t)), {
    message:
      'node-1: no space left in /opt/shoal for shoal (2 MB needed); free disk space and try again',
  });
  t.is(full.attempts(), 1);
  const other = new AppError('internal', 'node-1: cannot upload shoal: killed (exit code 137)');
  const killed = aMachine([other]);
  await t.throwsAsync(upload(killed.target, 'shoal', 'cat', await aFile(t)), { is: other });
  t.is(killed.attempts(), 1);
});
