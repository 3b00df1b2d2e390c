import test from 'ava';
import fc from 'fast-check';
import { aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';
import type { PlacedContainer } from '../../../../manager/gateway/find-container.js';
import { toStats } from '../../../../manager/gateway/translate/stats.js';
import type { NodeId } from '../../../../manager/common/model/ids.js';
import { aUse } from '../../../helpers/decisions/usage.js';

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
