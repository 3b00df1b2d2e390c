import type { Shape } from '../base/decode.js';
import {
  anything,
  array,
  boolean,
  branded,
  decode,
  decodeJson,
  isFields,
  number,
  object,
  oneOf,
  optional,
  string,
} from '../base/decode.js';
import { AppError } from '../base/errors.js';
import type { TaskId } from '../model/ids.js';
import { decodeStreamFrame } from './frames.js';
import type {
  MachineUsage,
  NodeCounters,
  NodeUsage,
  TaskUsage,
  WorkerStats,
} from './statistics.js';
import type { LogLine } from './worker-calls.js';

/** Decoders for the fields of a log line. */
export const logLineShape: Shape<LogLine> = {
  at: number,
  stamp: string,
  stream: oneOf('stdout', 'stderr'),
  text: string,
  bytes: optional(string),
  partial: optional(boolean),
};
const logLine = object(logLineShape);

/** Checks a log line without naming the bad field, as logs are a hot path. */
export function isLogLine(value: unknown): value is LogLine {
  return (
    isFields(value) &&
    Number.isFinite(value.at) &&
    typeof value.stamp === 'string' &&
    (value.stream === 'stdout' || value.stream === 'stderr') &&
    typeof value.text === 'string' &&
    (value.bytes === undefined || typeof value.bytes === 'string') &&
    (value.partial === undefined || typeof value.partial === 'boolean')
  );
}

/**
 * Decodes one message of a worker's log stream. Throws `invalid` that starts with `source`, and
 * `unavailable` with the error of a node that cannot read the log now.
 */
export function decodeLogLines(message: string | Uint8Array, source: string): readonly LogLine[] {
  const frame = typeof message === 'string' ? undefined : decodeStreamFrame(message);
  if (frame?.channel === 'error')
    throw new AppError('unavailable', Buffer.from(frame.data).toString());
  const value = decodeJson(String(message), anything, source);
  if (Array.isArray(value) && value.every(isLogLine)) return value;
  return decode(value, array(logLine), source);
}

const taskId = branded<TaskId>();

export const taskUsage = object<TaskUsage>({
  taskId,
  cpuPercent: number,
  cpuSeconds: number,
  memoryBytes: number,
  memoryLimitBytes: number,
  rxBytes: number,
  txBytes: number,
  rxPerSecond: number,
  txPerSecond: number,
  readBytes: number,
  writeBytes: number,
  readPerSecond: number,
  writePerSecond: number,
  pids: number,
});

const machineUsageShape: Shape<MachineUsage> = {
  cpuPercent: number,
  memoryUsedBytes: number,
  memoryBytes: number,
  load1: number,
  diskUsedBytes: number,
  diskBytes: number,
};
const machineUsage = object(machineUsageShape);

const nodeCounters = object<NodeCounters>({
  dns: object({ queries: number, answers: number, forwarded: number, failures: number }),
  network: object({
    networks: number,
    endpoints: number,
    changes: number,
    repairs: number,
    failures: number,
  }),
});

/** Checks the usage of a node as clients receive it. */
export const nodeUsage = object<NodeUsage>({
  ...machineUsageShape,
  nodeId: branded(),
  counters: optional(nodeCounters),
});

const workerStats = object<WorkerStats>({
  at: number,
  tasks: array(taskUsage),
  gone: array(taskId),
  machine: optional(machineUsage),
  counters: optional(nodeCounters),
});

/** Decodes one message of a worker's statistics. Throws `invalid` that starts with `source`. */
export function decodeWorkerStats(message: string, source: string): WorkerStats {
  return decodeJson(message, workerStats, source);
}
