import type { TaskId } from '../../../manager/common/model/ids.js';
import type { TaskUsage } from '../../../manager/common/protocol/statistics.js';

/** A task's resource usage with a distinct number in most fields. */
export function aUse(taskId: string): TaskUsage {
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
