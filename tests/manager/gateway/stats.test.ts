import test from 'ava';
import fc from 'fast-check';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { PlacedContainer } from '../../../manager/gateway/find-container.js';
import { toStats } from '../../../manager/gateway/translate/stats.js';
import { UsageFeed } from '../../../manager/gateway/usage-feed.js';
import type { NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { StatsMessage, TaskUsage } from '../../../manager/common/protocol/statistics.js';
import { until } from '../../helpers/until.js';

interface Cpu {
  readonly cpu_usage: { readonly total_usage: number };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}

/** Fields of a container's statistics that the docker CLI reads. */
interface EngineStats {
  readonly cpu_stats: Cpu;
  readonly precpu_stats: Cpu;
  readonly memory_stats: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly networks?: Readonly<
    Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>
  >;
  readonly blkio_stats: {
    readonly io_service_bytes_recursive:
      readonly { readonly op: string; readonly value: number }[] | null;
  };
  readonly pids_stats: { readonly current?: number };
}

/**
 * The docker CLI's formula: growth of the container's CPU time over the system's, times the CPUs.
 */
function shownCpuPercent({ cpu_stats: now, precpu_stats: before }: EngineStats): number {
  const cpu = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const system = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  return system > 0 && cpu > 0 ? (cpu / system) * (now.online_cpus ?? 0) * 100 : 0;
}

function itemOn(cpus: number, startedAt: number): PlacedContainer {
  const task = aTask(aService('web'), 1, { node: 'n1', status: { containerId: 'c1', startedAt } });
  return {
    task: { ...task, nodeId: 'n1' as NodeId },
    containerId: 'c1',
    node: aNode('n1', { nanoCpus: cpus * 1e9 }),
  };
}

const bytes = fc.integer({ min: 0, max: 2 ** 45 });

test('the docker CLI computes the reported usage from any statistics', (t) => {
  fc.assert(
    fc.property(
      fc.record({
        cpus: fc.integer({ min: 1, max: 256 }),
        cpuPercent: fc.integer({ min: 0, max: 2_560_000 }).map((value) => value / 100),
        cpuSeconds: fc.double({ min: 0, max: 1e8, noNaN: true }),
        startedAt: fc.integer({ min: 0, max: 2_000_000_000_000 }),
        memoryBytes: bytes,
        rxBytes: bytes,
        txBytes: bytes,
        readBytes: bytes,
        writeBytes: bytes,
        pids: fc.nat(),
      }),
      ({ cpus, startedAt, ...used }) => {
        const use = { ...aUse('web.1'), ...used, at: 2_000_000_000_000 };
        const text = JSON.stringify(toStats(itemOn(cpus, startedAt), use));
        // Go decodes these fields as unsigned integers.
        t.notRegex(text, /:-|\d\.\d+[,}]|\de\+/);
        const shown = JSON.parse(text) as EngineStats;
        t.true(Math.abs(shownCpuPercent(shown) - use.cpuPercent) < 0.005);
        t.is(shown.memory_stats.usage, use.memoryBytes);
        t.deepEqual(shown.memory_stats.stats, {});
        t.is(shown.networks?.eth0?.rx_bytes, use.rxBytes);
        t.is(shown.networks?.eth0?.tx_bytes, use.txBytes);
        const moved = shown.blkio_stats.io_service_bytes_recursive ?? [];
        t.is(moved.find(({ op }) => op === 'read')?.value, use.readBytes);
        t.is(moved.find(({ op }) => op === 'write')?.value, use.writeBytes);
        t.is(shown.pids_stats.current, use.pids);
      },
    ),
  );
});

test("a stopped container has the engine's empty statistics", (t) => {
  const shown = toStats(itemOn(2, 0), undefined) as EngineStats & { readonly read: string };
  t.is(shownCpuPercent(shown), 0);
  t.is(shown.read, '0001-01-01T00:00:00Z');
  t.is(shown.memory_stats.usage, undefined);
});

function aUse(taskId: string): TaskUsage {
  return {
    taskId: taskId as TaskId,
    cpuPercent: 1,
    cpuSeconds: 2,
    memoryBytes: 3,
    memoryLimitBytes: 4,
    rxBytes: 5,
    txBytes: 6,
    rxPerSecond: 0,
    txPerSecond: 0,
    readBytes: 7,
    writeBytes: 8,
    readPerSecond: 0,
    writePerSecond: 0,
    pids: 9,
  };
}

function message(
  kind: StatsMessage['kind'],
  at: number,
  changes: Partial<StatsMessage>,
): StatsMessage {
  return { kind, at, tasks: [], goneTasks: [], nodes: [], goneNodes: [], ...changes };
}

/** Statistics source driven by the test. */
class FakeStatistics {
  readonly listeners = new Set<(message: StatsMessage) => void>();
  opened = 0;

  subscribe(listener: (message: StatsMessage) => void): () => void {
    this.opened += 1;
    this.listeners.add(listener);
    listener(message('snapshot', 1, { tasks: [aUse('a')] }));
    return () => {
      this.listeners.delete(listener);
    };
  }

  tell(told: StatsMessage): void {
    for (const listener of this.listeners) listener(told);
  }
}

test('readers share one subscription, which ends with the last reader', async (t) => {
  const statistics = new FakeStatistics();
  const feed = new UsageFeed(statistics);
  const abort = new AbortController();
  const seen = new Map<string, (number | undefined)[]>();
  const readers = ['a', 'a', 'b'].map(async (taskId, at) => {
    const list: (number | undefined)[] = [];
    seen.set(`${taskId}${at}`, list);
    for await (const use of feed.follow(taskId as TaskId, abort.signal)) list.push(use?.at);
  });
  await until('all read', 5_000, () => [...seen.values()].every((list) => list.length === 1));
  t.is(statistics.opened, 1);
  statistics.tell(message('delta', 2, { tasks: [aUse('b')] }));
  await until('all were told', 5_000, () => [...seen.values()].every((list) => list.length === 2));
  statistics.tell(message('delta', 3, { goneTasks: ['a' as TaskId] }));
  await until('all were told', 5_000, () => [...seen.values()].every((list) => list.length === 3));
  // Unchanged usage is sent again, as an engine does each second.
  t.deepEqual(Object.fromEntries(seen), {
    a0: [1, 2, undefined],
    a1: [1, 2, undefined],
    b2: [undefined, 2, 3],
  });
  abort.abort();
  await Promise.all(readers);
  t.is(statistics.listeners.size, 0);
});
