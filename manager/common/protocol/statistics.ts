import type { NodeId, TaskId } from '../model/ids.js';

/** What one container uses. Totals count from its start, rates cover about the last second. */
export interface TaskUse {
  readonly taskId: TaskId;
  /** 100 is one CPU. */
  readonly cpuPercent: number;
  readonly cpuSeconds: number;
  /** Without the page cache that the kernel may take back. */
  readonly memoryBytes: number;
  /** The container's limit, else the machine's memory. */
  readonly memoryLimitBytes: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxPerSecond: number;
  readonly txPerSecond: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly readPerSecond: number;
  readonly writePerSecond: number;
  readonly pids: number;
}

/** What a machine uses, all that runs on it together. */
export interface MachineUse {
  /** 100 is all CPUs. */
  readonly cpuPercent: number;
  readonly memoryUsedBytes: number;
  readonly memoryBytes: number;
  /** Runnable processes, averaged over a minute. */
  readonly load1: number;
  /** File system of the engine's data. */
  readonly diskUsedBytes: number;
  readonly diskBytes: number;
}

/** What a worker's name server and networks have done since it was started. */
export interface NodeCounters {
  readonly dns: {
    readonly queries: number;
    /** From what is known here; the others were sent on. */
    readonly answers: number;
    readonly forwarded: number;
    /** Answered with "server failure". */
    readonly failures: number;
  };
  readonly network: {
    readonly networks: number;
    /** Containers of all nodes on them. */
    readonly endpoints: number;
    /** Changes made to the kernel or engine because the cluster asked for something else. */
    readonly changes: number;
    /** Changes made because what was there had been altered or lost. */
    readonly repairs: number;
    /** Changes that failed; they are tried again. */
    readonly failures: number;
  };
}

export interface NodeUse extends MachineUse {
  readonly nodeId: NodeId;
  readonly counters?: NodeCounters;
}

/** A worker's message, about one a second: what has changed; all of it in the first. */
export interface WorkerStats {
  /** ms since the epoch, the worker's clock. */
  readonly at: number;
  readonly tasks: readonly TaskUse[];
  /** Tasks that no longer run there. */
  readonly gone: readonly TaskId[];
  readonly machine?: MachineUse;
  readonly counters?: NodeCounters;
}

/** A client's message: everything known, then once a second what has changed. */
export interface StatsMessage {
  readonly kind: 'snapshot' | 'delta';
  /** ms since the epoch, the manager's clock. */
  readonly at: number;
  readonly tasks: readonly TaskUse[];
  readonly goneTasks: readonly TaskId[];
  readonly nodes: readonly NodeUse[];
  readonly goneNodes: readonly NodeId[];
}
