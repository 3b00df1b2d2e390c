import { PassThrough } from 'node:stream';
import test from 'ava';
import { jsonLogger } from '../../../manager/common/base/log.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { WorkerStats } from '../../../manager/common/protocol/statistics.js';
import {
  parseCpuTimes,
  parseMemory,
  cpuPercentBetween,
} from '../../../worker/stats/machine-use.js';
import { serveStats } from '../../../worker/stats/stream.js';
import { messagePair } from '../../helpers/fakes/message-pair.js';

function line(second: number, cpuNanos: number): string {
  return `${JSON.stringify({
    read: new Date(1_700_000_000_000 + second * 1_000).toISOString(),
    cpu_stats: { cpu_usage: { total_usage: cpuNanos } },
    memory_stats: { usage: 1_000, limit: 2_000 },
  })}\n`;
}

test('the engine is queried once per container and unchanged values are not sent again', async (t) => {
  const opened: string[] = [];
  const streams = new Map<string, PassThrough>();
  const live = new Map([
    ['t1' as TaskId, 'c1'],
    ['t2' as TaskId, 'c2'],
  ]);
  const source = {
    access: {
      stats: (containerId: string) => {
        opened.push(containerId);
        const stream = new PassThrough();
        streams.set(containerId, stream);
        return Promise.resolve(stream);
      },
    },
    log: silentLogger,
    tasks: { liveContainers: () => live },
  };
  const [near, far] = messagePair();
  const abort = new AbortController();
  const served = serveStats(source, near, abort.signal, 5);
  const messages: WorkerStats[] = [];
  const until = async (seen: (message: WorkerStats) => boolean): Promise<WorkerStats> => {
    for await (const text of far) {
      const message = JSON.parse(String(text)) as WorkerStats;
      messages.push(message);
      if (seen(message)) return message;
    }
    throw new Error('the stream ended');
  };
  await until(() => streams.size === 2);
  // Written in two chunks, as a line may be split.
  const whole = line(0, 1_000_000_000);
  streams.get('c1')?.write(whole.slice(0, 40));
  streams.get('c1')?.write(whole.slice(40));
  await until(({ tasks }) => tasks.some(({ taskId }) => taskId === 't1'));
  streams.get('c1')?.write(line(1, 1_500_000_000));
  const news = await until(({ tasks }) => tasks.length > 0);
  t.is(news.tasks[0]?.cpuPercent, 50);
  const quiet = await until(({ tasks }) => tasks.length === 0);
  t.deepEqual(quiet.gone, []);
  live.delete('t1' as TaskId);
  const gone = await until((message) => message.gone.length > 0);
  t.deepEqual(gone.gone, ['t1']);
  t.deepEqual(opened, ['c1', 'c2']);
  abort.abort();
  await served;
});

test('machine use is parsed from the proc(5) formats', (t) => {
  const before = parseCpuTimes('cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3');
  const now = parseCpuTimes('cpu  150 0 100 840 10 0 0 0 0 0\n');
  t.is(cpuPercentBetween(before, now), 50);
  t.is(cpuPercentBetween(undefined, now), 0);
  const memory = parseMemory('MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:   400 kB\n');
  t.deepEqual(memory, { used: 600 * 1024, total: 1000 * 1024 });
});

test('a malformed sample is skipped with one warning, and later samples are used', async (t) => {
  const warnings: string[] = [];
  const stream = new PassThrough();
  const source = {
    access: { stats: () => Promise.resolve(stream) },
    log: jsonLogger(
      'warn',
      (text) => warnings.push(text),
      () => 0,
    ),
    tasks: { liveContainers: () => new Map([['t1' as TaskId, 'c1']]) },
  };
  const [near, far] = messagePair();
  const abort = new AbortController();
  const served = serveStats(source, near, abort.signal, 5);
  const bad = `${JSON.stringify({ read: 'now', memory_stats: { usage: 'much' } })}\n`;
  stream.write(`${bad}{\n${bad}${line(0, 1_000_000_000)}`);
  for await (const text of far) {
    if ((JSON.parse(String(text)) as WorkerStats).tasks.length > 0) break;
  }
  abort.abort();
  await served;
  t.is(warnings.length, 1);
  t.regex(
    String(warnings[0]),
    /statistics of container c1: memory_stats\.usage must be a number; malformed samples are skipped/u,
  );
});
