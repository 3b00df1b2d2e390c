import type { NodeId, TaskId } from '../model/ids.js';

/**
 * Resource usage of one container. Totals count from its start; rates cover about the last second.
 */
export interface TaskUsage {
  readonly taskId: TaskId;
  /** 100 means one CPU. */
  readonly cpuPercent: number;
  readonly cpuSeconds: number;
  /** Excludes reclaimable page cache. */
  readonly memoryBytes: number;
  /** Memory limit of the container, or the machine's memory if unlimited. */
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

/** Resource usage of a whole machine. */
export interface MachineUsage {
  /** 100 means all CPUs. */
  readonly cpuPercent: number;
  readonly memoryUsedBytes: number;
  readonly memoryBytes: number;
  /** One-minute load average. */
  readonly load1: number;
  /** File system that holds the engine's data directory. */
  readonly diskUsedBytes: number;
  readonly diskBytes: number;
}

/** Counters of a worker's DNS server and networks since the worker started. */
export interface NodeCounters {
  readonly dns: {
    readonly queries: number;
    /** Answered locally; other queries are forwarded. */
    readonly answers: number;
    readonly forwarded: number;
    /** Answered with SERVFAIL. */
    readonly failures: number;
  };
  readonly network: {
    readonly networks: number;
    /** Endpoints on these networks, on all nodes. */
    readonly endpoints: number;
    /** Kernel and engine changes made because the desired state changed. */
    readonly changes: number;
    /** Changes made because the actual state had drifted. */
    readonly repairs: number;
    /** Failed changes; they are retried. */
    readonly failures: number;
  };
}

export interface NodeUsage extends MachineUsage {
  readonly nodeId: NodeId;
  readonly counters?: NodeCounters;
}

/**
 * Message from a worker, about one a second. The first is complete, later ones hold changes only.
 */
export interface WorkerStats {
  /** ms since the epoch, the worker's clock. */
  readonly at: number;
  readonly tasks: readonly TaskUsage[];
  /** Tasks that no longer run on the node. */
  readonly gone: readonly TaskId[];
  readonly machine?: MachineUsage;
  readonly counters?: NodeCounters;
}

/** Message to a client: a full snapshot first, then a delta once a second. */
export interface StatsMessage {
  readonly kind: 'snapshot' | 'delta';
  /** ms since the epoch, the manager's clock. */
  readonly at: number;
  readonly tasks: readonly TaskUsage[];
  readonly goneTasks: readonly TaskId[];
  readonly nodes: readonly NodeUsage[];
  readonly goneNodes: readonly NodeId[];
}
