import { readFile, statfs } from 'node:fs/promises';
import type { MachineUsage } from '../../manager/common/protocol/statistics.js';

/** CPU time since boot, in ticks. */
export interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

/**
 * Parses the first line of /proc/stat (proc_stat(5)): user nice system idle iowait irq softirq
 * steal.
 */
export function parseCpuTimes(text: string): CpuTimes {
  const [first = ''] = text.split('\n');
  const ticks = first.trim().split(/\s+/u).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, tick) => sum + tick, 0);
  return { busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), total };
}

/**
 * Parses /proc/meminfo (proc_meminfo(5)) in bytes; used memory is `MemTotal` minus `MemAvailable`.
 */
export function parseMemory(text: string): { readonly used: number; readonly total: number } {
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'mu').exec(text)?.[1] ?? 0);
  const total = kilobytes('MemTotal') * 1024;
  return { used: total - kilobytes('MemAvailable') * 1024, total };
}

export function cpuPercentBetween(before: CpuTimes | undefined, now: CpuTimes): number {
  if (before === undefined || now.total <= before.total) return 0;
  return Math.round(((now.busy - before.busy) / (now.total - before.total)) * 1000) / 10;
}

/** Default data directory of the engine, for images and volumes. */
const engineData = '/var/lib/docker';

/** Reads the machine's resource use; CPU use covers the time since the previous call. */
export class MachineUseReader {
  #cpu: CpuTimes | undefined;

  async read(): Promise<MachineUsage> {
    const [stat, meminfo, loadavg, disk] = await Promise.all([
      readFile('/proc/stat', 'utf8'),
      readFile('/proc/meminfo', 'utf8'),
      readFile('/proc/loadavg', 'utf8'),
      statfs(engineData).catch(() => statfs('/')),
    ]);
    const cpu = parseCpuTimes(stat);
    const memory = parseMemory(meminfo);
    const cpuPercent = cpuPercentBetween(this.#cpu, cpu);
    this.#cpu = cpu;
    return {
      cpuPercent,
      memoryUsedBytes: memory.used,
      memoryBytes: memory.total,
      load1: Number(loadavg.split(' ')[0] ?? 0),
      diskUsedBytes: (disk.blocks - disk.bfree) * disk.bsize,
      diskBytes: disk.blocks * disk.bsize,
    };
  }
}
