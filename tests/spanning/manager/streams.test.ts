import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';

import type { ClusterEvent, TaskLogLine } from '../../../manager/common/protocol/control.js';
import { encodeStreamFrame, decodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import type { Connection } from '../../../manager/common/protocol/transport-connection.js';
import type { StoreBackend } from '../../../manager/store/backend.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import type { FakeWorker } from '../../helpers/fakes/fake-worker.js';
import { aStatus } from '../../helpers/fakes/fake-worker.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import { until } from '../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

const web = aService('web', { replicas: 2 });
const probe = (): Promise<boolean> => Promise.resolve(true);

/** Starts two tasks on two nodes. */
async function running(): Promise<StoreBackend> {
  const backend = new MemoryBackend();
  const task = (slot: number): object =>
    aTask(web, slot, {
      id: `t${slot}`,
      node: `w${slot}`,
      state: 'running',
      status: { containerId: `c${slot}`, startedAt: 1 },
    });
  await backend.commit([
    { table: 'nodes', id: 'w1', value: aNode('w1') },
    { table: 'nodes', id: 'w2', value: aNode('w2') },
    { table: 'services', id: web.id, value: web },
    { table: 'tasks', id: 't1', value: task(1) },
    { table: 'tasks', id: 't2', value: task(2) },
  ]);
  return backend;
}

async function start(
  t: Parameters<typeof TestManager.start>[0],
): Promise<{ manager: TestManager; workers: readonly FakeWorker[] }> {
  const manager = await TestManager.start(t, { pki, backend: await running(), probe });
  const workers = await Promise.all(['w1', 'w2'].map((id) => manager.join(id)));
  await until('both nodes', 10_000, async () => {
    const nodes = await manager.call('node.list', {});
    return nodes.filter((node) => node.status.state === 'ready').length === 2;
  });
  return { manager, workers };
}

function logLines(texts: readonly (readonly [number, string])[]): string {
  return JSON.stringify(
    texts.map(([at, text]) => ({
      at,
      stamp: `2026-01-01T00:00:0${at}.000000000Z`,
      stream: 'stdout',
      text,
    })),
  );
}

async function allLines(stream: Connection): Promise<TaskLogLine[]> {
  const lines: TaskLogLine[] = [];
  for await (const text of stream) {
    const message = JSON.parse(String(text)) as TaskLogLine[] | { error: { message: string } };
    if (!Array.isArray(message)) throw new Error(message.error.message);
    lines.push(...message);
  }
  return lines;
}

test('logs of all tasks are merged in time order with their task names', async (t) => {
  const { manager, workers } = await start(t);
  const [one, two] = workers;
  if (one === undefined || two === undefined) throw new Error('no workers');
  one.serve = async (_request, stream) => {
    await stream.send(
      logLines([
        [1, 'a'],
        [4, 'd'],
      ]),
    );
  };
  two.serve = async (_request, stream) => {
    await stream.send(
      logLines([
        [2, 'b'],
        [3, 'c'],
      ]),
    );
  };
  const stream = await manager.stream('logs', {
    project: 'demo',
    services: ['web'],
    options: { follow: false },
  });
  const lines = await allLines(stream);
  t.deepEqual(
    lines.map(({ text, node }) => `${node} ${text}`),
    ['w1 a', 'w2 b', 'w2 c', 'w1 d'],
  );
});

test('followed logs resume after a lost connection and end with the client', async (t) => {
  const { manager, workers } = await start(t);
  const [one] = workers;
  if (one === undefined) throw new Error('no worker');
  let opened = 0;
  let closed = false;
  one.serve = async (_request, stream) => {
    opened += 1;
    if (opened === 1) {
      await stream.send(
        logLines([
          [1, 'a'],
          [2, 'b'],
        ]),
      );
      stream.close(1011, 'worker stumbles');
      return;
    }
    await stream.send(
      logLines([
        [2, 'b'],
        [3, 'c'],
      ]),
    );
    await stream.ended;
    closed = true;
  };
  const stream = await manager.stream('logs', {
    project: 'demo',
    services: ['web'],
    index: 1,
    options: { follow: true },
  });
  const lines: string[] = [];
  for await (const text of stream) {
    lines.push(...(JSON.parse(String(text)) as TaskLogLine[]).map((line) => line.text));
    if (lines.includes('c')) break;
  }
  t.deepEqual(lines, ['a', 'b', 'c']);
  await until('the worker stream is closed', 5_000, () => closed);
});

test('logs of an unknown service are an error', async (t) => {
  const { manager } = await start(t);
  const stream = await manager.stream('logs', {
    project: 'demo',
    services: ['nope'],
    options: { follow: false },
  });
  await t.throwsAsync(allLines(stream), { message: 'no such service: nope' });
});

test('exec transfers input, output, exit code and terminal size', async (t) => {
  const { manager, workers } = await start(t);
  const [, two] = workers;
  if (two === undefined) throw new Error('no worker');
  let id = '';
  two.serve = async (request, stream, streamId) => {
    id = streamId;
    t.true(request.kind === 'exec' && request.taskId === 't2');
    for await (const message of stream) {
      const part = decodeStreamFrame(message as Uint8Array);
      if (part?.channel !== 'stdin') continue;
      if (part.data.length === 0) break;
      await stream.send(
        encodeStreamFrame('stdout', Buffer.from(part.data).toString().toUpperCase()),
      );
    }
  };
  const stream = await manager.stream('exec', {
    project: 'demo',
    service: 'web',
    index: 2,
    options: {
      command: ['cat'],
      env: [],
      privileged: false,
      tty: true,
      stdin: true,
      detach: false,
    },
  });
  await stream.send(encodeStreamFrame('stdin', 'hello'));
  const input = stream[Symbol.asyncIterator]();
  const answer = decodeStreamFrame((await input.next()).value as Uint8Array);
  t.is(Buffer.from(answer?.data ?? []).toString(), 'HELLO');
  await stream.send('{"columns":120,"rows":40}');
  await until('the resize', 5_000, () => two.calls.some((call) => call.name === 'resize'));
  t.deepEqual(two.calls.find((call) => call.name === 'resize')?.args, {
    streamId: id,
    columns: 120,
    rows: 40,
  });
  await stream.send(encodeStreamFrame('stdin', ''));
  t.true((await input.next()).done);
});

test('exec without a running task or a command is an error', async (t) => {
  const { manager } = await start(t);
  const fail = async (
    service: string,
    command: readonly string[],
    index?: number,
  ): Promise<string> => {
    const stream = await manager.stream('exec', {
      project: 'demo',
      service,
      ...(index === undefined ? {} : { index }),
      options: { command, env: [], privileged: false, tty: false, stdin: false, detach: false },
    });
    const first = await stream[Symbol.asyncIterator]().next();
    return (JSON.parse(String(first.value)) as { error: { message: string } }).error.message;
  };
  t.is(await fail('nope', ['ls']), 'no such service: nope');
  t.is(await fail('web', ['ls'], 9), 'service "web" is not running container #9');
  t.is(await fail('web', []), 'exec: no command given');
});

test('events include starts and exits, and past events can be replayed', async (t) => {
  const { manager, workers } = await start(t);
  workers[0]?.report('t1', aStatus('failed', { exitCode: 137, containerId: 'c1' }));
  await until('the end', 5_000, async () => {
    const tasks = await manager.call('task.list', {});
    return tasks.find((task) => task.id === 't1')?.status.state === 'failed';
  });
  const stream = await manager.stream('events', {
    project: 'demo',
    sinceMs: 0,
    untilMs: Date.now() + 300,
  });
  const seen: ClusterEvent[] = [];
  for await (const text of stream) seen.push(JSON.parse(String(text)) as ClusterEvent);
  const die = seen.find((event) => event.action === 'die');
  t.like(die, { type: 'container', id: 'c1', name: 'demo-web-1' });
  t.like(die?.attributes, { exitCode: '137', node: 'w1', image: 'busybox' });
  t.false(seen.some((event) => event.type === 'node'));
});

test('an unknown stream is rejected', async (t) => {
  const { manager } = await start(t);
  await t.throwsAsync(manager.stream('nothing' as 'watch', {}), {
    message: 'stream nothing: not supported by this manager',
  });
});
