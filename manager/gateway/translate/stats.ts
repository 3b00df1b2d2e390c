import type { PlacedContainer } from '../find-container.js';
import type { TimedUsage } from '../usage-feed.js';

const nanosPerSecond = 1e9;

interface CpuTimes {
  readonly total: number;
  readonly system: number;
}

/**
 * Converts usage to the Docker Engine's statistics so that a client's own calculation yields our
 * values. CPU: the growth from `precpu_stats` to `cpu_stats` divided by that of the system, times
 * the CPUs. Memory: usage minus cache; the cache is already subtracted. (Formulas: docker/cli
 * `calculateCPUPercentUnix`, `calculateMemUsageUnixNoCache`.) Undefined usage gives the engine's
 * statistics of a stopped container.
 */
export function toStats(
  { task, node, containerId }: PlacedContainer,
  use: TimedUsage | undefined,
): object {
  const named = { name: `/${task.containerName}`, id: containerId };
  if (use === undefined) return { ...emptyStats, ...named };
  const cpus = Math.max(1, Math.round(node.description.nanoCpus / 1e9));
  const runtimeMs = Math.max(1_000, use.at - (task.status.startedAt ?? task.createdAt));
  const grown = Math.round((use.cpuPercent / 100) * nanosPerSecond);
  const now = {
    total: Math.max(grown, Math.round(use.cpuSeconds * nanosPerSecond)),
    system: Math.round(runtimeMs * 1e6 * cpus),
  };
  const before = { total: now.total - grown, system: now.system - nanosPerSecond * cpus };
  return {
    read: new Date(use.at).toISOString(),
    preread: new Date(use.at - 1_000).toISOString(),
    pids_stats: { current: use.pids },
    blkio_stats: {
      ...emptyBlocks,
      io_service_bytes_recursive: [
        { major: 0, minor: 0, op: 'read', value: use.readBytes },
        { major: 0, minor: 0, op: 'write', value: use.writeBytes },
      ],
    },
    num_procs: 0,
    storage_stats: {},
    cpu_stats: toCpu(now, cpus),
    precpu_stats: toCpu(before, cpus),
    memory_stats: { usage: use.memoryBytes, stats: {}, limit: use.memoryLimitBytes },
    ...named,
    networks: {
      eth0: {
        ...{ rx_bytes: use.rxBytes, rx_packets: 0, rx_errors: 0, rx_dropped: 0 },
        ...{ tx_bytes: use.txBytes, tx_packets: 0, tx_errors: 0, tx_dropped: 0 },
      },
    },
  };
}

function toCpu({ total, system }: CpuTimes, cpus: number): object {
  return {
    cpu_usage: { total_usage: total, usage_in_kernelmode: 0, usage_in_usermode: total },
    system_cpu_usage: system,
    online_cpus: cpus,
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  };
}

const emptyBlocks = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
};

const noCpu = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

const emptyStats = {
  read: '0001-01-01T00:00:00Z',
  preread: '0001-01-01T00:00:00Z',
  pids_stats: {},
  blkio_stats: emptyBlocks,
  num_procs: 0,
  storage_stats: {},
  cpu_stats: noCpu,
  precpu_stats: noCpu,
  memory_stats: {},
};
