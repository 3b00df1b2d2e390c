import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { extract } from 'tar-stream';
import { parseIgnore } from '../../../cli/build/ignore.js';
import type { ControlClient } from '../../../cli/client/client.js';
import type { WatchRule } from '../../../cli/watch/rules.js';
import { watchFiles } from '../../../cli/watch/watch.js';
import { encodeStreamFrame, decodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import type { MessageStream } from '../../../manager/common/protocol/worker-calls.js';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { until } from '../../helpers/until.js';

/** Fake of two containers of `web` that records the calls and files they receive. */
class TwoContainers {
  readonly done: string[] = [];
  /** Number of upcoming transfers that fail. */
  failures = 0;

  readonly client = {
    call: (name: string) => {
      if (name !== 'task.list') this.done.push(name);
      const web = aService('web', { replicas: 2 });
      return Promise.resolve([1, 2].map((slot) => aTask(web, slot, { node: 'n1' })));
    },
    open: (name: string, args: { index: number; options?: { command: readonly string[] } }) =>
      Promise.resolve(this.#stream(name, args)),
  } as unknown as ControlClient;

  #stream(
    name: string,
    args: { index: number; options?: { command: readonly string[] } },
  ): MessageStream {
    const chunks: Uint8Array[] = [];
    let answer: (data: Uint8Array) => void = () => undefined;
    const answered = new Promise<Uint8Array>((resolve) => (answer = resolve));
    if (name === 'exec') {
      this.done.push(`${args.index}: ${args.options?.command.join(' ') ?? ''}`);
      answer(encodeStreamFrame('exit', '0'));
    }
    const finish = async (): Promise<void> => {
      if (this.failures > 0) {
        this.failures -= 1;
        answer(encodeStreamFrame('error', 'no space left'));
        return;
      }
      const reader = extract();
      Readable.from([Buffer.concat(chunks)]).pipe(reader);
      for await (const entry of reader) {
        this.done.push(`${args.index}: ${entry.header.name}`);
        entry.resume();
      }
      answer(encodeStreamFrame('exit', '0'));
    };
    return {
      send: async (message) => {
        const part = typeof message === 'string' ? undefined : decodeStreamFrame(message);
        if (part === undefined) return;
        if (part.data.length > 0) chunks.push(part.data);
        else await finish();
      },
      close: () => undefined,
      async *[Symbol.asyncIterator]() {
        yield await answered;
      },
    };
  }
}

async function watching(t: ExecutionContext, more: Partial<WatchRule> = {}) {
  const path = await mkdtemp(join(tmpdir(), 'shoal-watch-'));
  const containers = new TwoContainers();
  const rule: WatchRule = {
    ...{ service: 'web', action: 'sync', path, target: '/srv', initialSync: false },
    ...{ ignore: parseIgnore('*.log'), include: undefined, exec: undefined },
    ...more,
  };
  const said: string[] = [];
  const ending = new AbortController();
  await writeFile(join(path, 'old'), 'old');
  const ended = watchFiles({
    client: containers.client,
    project: 'demo',
    rules: [rule],
    rebuild: (services) => {
      containers.done.push(`rebuild ${services.join(' ')}`);
      return Promise.resolve();
    },
    report: (line) => said.push(line),
    signal: ending.signal,
  });
  t.teardown(async () => {
    ending.abort();
    await ended;
    await rm(path, { recursive: true });
  });
  await until('it watches', 10_000, () => Promise.resolve(said.includes('Watch enabled')));
  const has = (...lines: readonly string[]) =>
    until(`${lines.join(', ')} is done`, 20_000, () =>
      Promise.resolve(lines.every((line) => containers.done.includes(line))),
    );
  return { path, containers, said, has };
}

test('changes and removals are applied to every container, ignored files are skipped', async (t) => {
  const { path, containers, has } = await watching(t);
  t.deepEqual(containers.done, []);
  await mkdir(join(path, 'd'));
  await writeFile(join(path, 'd', 'new'), 'new');
  await writeFile(join(path, 'x.log'), 'x');
  await has('1: srv/d/new', '2: srv/d/new');
  await rm(join(path, 'old'));
  await has('1: rm -rf -- /srv/old', '2: rm -rf -- /srv/old');
  t.false(containers.done.some((line) => line.includes('x.log')));
});

test('a failed transfer is retried by the next pass', async (t) => {
  const { path, containers, said, has } = await watching(t);
  containers.failures = 2;
  await writeFile(join(path, 'new'), 'new');
  await has('1: srv/new', '2: srv/new');
  t.true(said.some((line) => line.includes('no space left')));
});

test('initial_sync sends all files, and sync+restart restarts the service', async (t) => {
  const { containers, has } = await watching(t, { initialSync: true, action: 'sync+restart' });
  await has('1: srv/old', '2: srv/old', 'service.restart');
  t.is(containers.done.at(-1), 'service.restart');
});

test('a rebuild rule rebuilds the service and syncs nothing', async (t) => {
  const { path, containers, has } = await watching(t, { action: 'rebuild', target: '' });
  await writeFile(join(path, 'new'), 'new');
  await has('rebuild web');
  t.true(containers.done.every((line) => line === 'rebuild web'));
});
