import type { Clock } from '../../manager/common/base/clock.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import type { TaskStatus } from '../../manager/common/model/task.js';
import type { TaskReport } from '../../manager/common/protocol/messages.js';

export interface RejectedTasksOptions {
  readonly clock: Clock;
  readonly report: (report: TaskReport) => void;
  readonly forgotten: (taskId: TaskId) => void;
}

/** Assigned tasks that this worker cannot read: they are reported as rejected and never started. */
export class RejectedTasks {
  readonly #options: RejectedTasksOptions;
  #statuses: ReadonlyMap<TaskId, TaskStatus> = new Map();

  constructor(options: RejectedTasksOptions) {
    this.#options = options;
  }

  /** Replaces the rejected tasks, reasons by id, and reports new ones. */
  set(reasons: ReadonlyMap<TaskId, string>): void {
    const { clock, report, forgotten } = this.#options;
    const before = this.#statuses;
    const statuses = new Map<TaskId, TaskStatus>();
    for (const [taskId, error] of reasons) {
      const known = before.get(taskId);
      const isKnown = known?.error === error;
      const status: TaskStatus = isKnown
        ? known
        : { state: 'rejected', at: clock.now(), message: 'malformed assignment', error };
      statuses.set(taskId, status);
    }
    this.#statuses = statuses;
    for (const taskId of before.keys()) if (!statuses.has(taskId)) forgotten(taskId);
    for (const [taskId, status] of statuses) {
      if (before.get(taskId) !== status) report({ taskId, status });
    }
  }

  /** The status of every rejected task. */
  reports(): readonly TaskReport[] {
    return [...this.#statuses].map(([taskId, status]) => ({ taskId, status }));
  }
}
