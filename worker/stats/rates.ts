import {
  array,
  dictionary,
  number,
  object,
  optionalOrNull,
  string,
} from '../../manager/common/base/decode.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import type { TaskUsage } from '../../manager/common/protocol/statistics.js';

/** Counters of one container at one point in time. */
export interface StatsSample {
  /** ms since the epoch, by the engine's clock. */
  readonly at: number;
  readonly cpuNanos: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly pids: number;
}

/** The fields of `/containers/ID/stats` that are used here. Any of them may be missing. */
export interface EngineStats {
  readonly read?: string;
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } };
  readonly memory_stats?: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: MemoryCache;
  };
  readonly networks?: Readonly<
    Record<string, { readonly rx_bytes?: number; readonly tx_bytes?: number }>
  >;
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?:
      readonly { readonly op?: string; readonly value?: number }[] | null;
  };
  readonly pids_stats?: { readonly current?: number };
}

interface MemoryCache {
  readonly total_inactive_file?: number;
  readonly inactive_file?: number;
}

type Section<Key extends keyof EngineStats> = NonNullable<EngineStats[Key]>;

const maybeNumber = optionalOrNull(number);

export const engineStats = object<EngineStats>({
  read: optionalOrNull(string),
  cpu_stats: optionalOrNull(
    object<Section<'cpu_stats'>>({
      cpu_usage: optionalOrNull(
        object<{ readonly total_usage?: number }>({ total_usage: maybeNumber }),
      ),
    }),
  ),
  memory_stats: optionalOrNull(
    object<Section<'memory_stats'>>({
      usage: maybeNumber,
      limit: maybeNumber,
      stats: optionalOrNull(
        object<MemoryCache>({ total_inactive_file: maybeNumber, inactive_file: maybeNumber }),
      ),
    }),
  ),
  networks: optionalOrNull(
    dictionary(
      object<Section<'networks'>[string]>({ rx_bytes: maybeNumber, tx_bytes: maybeNumber }),
    ),
  ),
  blkio_stats: optionalOrNull(
    object<Section<'blkio_stats'>>({
      io_service_bytes_recursive: optionalOrNull(
        array(
          object<{ readonly op?: string; readonly value?: number }>({
            op: optionalOrNull(string),
            value: maybeNumber,
          }),
        ),
      ),
    }),
  ),
  pids_stats: optionalOrNull(object<Section<'pids_stats'>>({ current: maybeNumber })),
});

/**
 * Converts an engine response; undefined for a stopped container, for which the engine reports
 * zeros.
 */
export function sampleOf(stats: EngineStats): StatsSample | undefined {
  const at = Date.parse(stats.read ?? '');
  const cpuNanos = stats.cpu_stats?.cpu_usage?.total_usage ?? 0;
  if (!(at > 0) || (cpuNanos === 0 && stats.memory_stats?.usage === undefined)) return undefined;
  const moved = movedBytes(stats.blkio_stats?.io_service_bytes_recursive ?? []);
  return {
    at,
    cpuNanos,
    ...memoryOf(stats.memory_stats ?? {}),
    ...trafficOf(stats.networks ?? {}),
    readBytes: moved('read'),
    writeBytes: moved('write'),
    pids: stats.pids_stats?.current ?? 0,
  };
}

function trafficOf(
  networks: NonNullable<EngineStats['networks']>,
): Pick<StatsSample, 'rxBytes' | 'txBytes'> {
  const links = Object.values(networks);
  return {
    rxBytes: links.reduce((sum, link) => sum + (link.rx_bytes ?? 0), 0),
    txBytes: links.reduce((sum, link) => sum + (link.tx_bytes ?? 0), 0),
  };
}

/** Sums transferred bytes by operation; cgroup v1 reports `Read`, v2 `read`. */
function movedBytes(
  transfers: readonly { readonly op?: string; readonly value?: number }[],
): (op: string) => number {
  return (wanted) =>
    transfers
      .filter(({ op }) => op?.toLowerCase() === wanted)
      .reduce((sum, { value }) => sum + (value ?? 0), 0);
}

/**
 * Memory use as in `docker stats`: inactive page cache is excluded. cgroup v1 names it
 * `total_inactive_file`, v2 `inactive_file`.
 */
function memoryOf(
  memory: NonNullable<EngineStats['memory_stats']>,
): Pick<StatsSample, 'memoryBytes' | 'memoryLimitBytes'> {
  const usage = memory.usage ?? 0;
  const cache = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0;
  return {
    memoryBytes: cache < usage ? usage - cache : usage,
    memoryLimitBytes: memory.limit ?? 0,
  };
}

const noRates = {
  cpuPercent: 0,
  rxPerSecond: 0,
  txPerSecond: 0,
  readPerSecond: 0,
  writePerSecond: 0,
};

/** Computes the use of a container from two samples. Without an earlier sample all rates are 0. */
export function toTaskUse(
  taskId: TaskId,
  before: StatsSample | undefined,
  now: StatsSample,
): TaskUsage {
  const { at: _at, cpuNanos, ...totals } = now;
  return {
    taskId,
    cpuSeconds: cpuNanos / 1e9,
    ...totals,
    ...(before === undefined ? noRates : ratesBetween(before, now)),
  };
}

/** A decreased counter was reset by a container restart and counts from 0 again. */
function ratesBetween(before: StatsSample, now: StatsSample): typeof noRates {
  const seconds = (now.at - before.at) / 1000;
  if (!(seconds > 0)) return noRates;
  const rate = (key: Exclude<keyof StatsSample, 'at'>): number => {
    const grown = now[key] - before[key];
    return Math.max(0, grown < 0 ? now[key] : grown) / seconds;
  };
  return {
    cpuPercent: round(rate('cpuNanos') / 1e7, 2),
    rxPerSecond: round(rate('rxBytes'), 0),
    txPerSecond: round(rate('txBytes'), 0),
    readPerSecond: round(rate('readBytes'), 0),
    writePerSecond: round(rate('writeBytes'), 0),
  };
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}

/** Minimum changes that are sent, relative to the last sent values. */
const cpuStepPercent = 0.1;
const memoryStepBytes = 64 * 1024;

/** True if `now` differs from `sent` enough to be sent. */
export function hasChanged(sent: TaskUsage | undefined, now: TaskUsage): boolean {
  if (sent === undefined) return true;
  return (
    Math.abs(sent.cpuPercent - now.cpuPercent) >= cpuStepPercent ||
    Math.abs(sent.memoryBytes - now.memoryBytes) >= memoryStepBytes ||
    now.cpuSeconds - sent.cpuSeconds >= 1 ||
    now.cpuSeconds < sent.cpuSeconds ||
    sent.rxBytes !== now.rxBytes ||
    sent.txBytes !== now.txBytes ||
    sent.rxPerSecond !== now.rxPerSecond ||
    sent.txPerSecond !== now.txPerSecond ||
    sent.readBytes !== now.readBytes ||
    sent.writeBytes !== now.writeBytes ||
    sent.pids !== now.pids ||
    sent.memoryLimitBytes !== now.memoryLimitBytes
  );
}
