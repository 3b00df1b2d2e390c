import type { Clock } from '../../manager/common/base/clock.js';
import { canonicalJson } from '../../manager/common/base/canonical.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import { isTerminal } from '../../manager/common/model/task-state.js';
import type { TaskStatus } from '../../manager/common/model/task.js';
import type { TaskReport } from '../../manager/common/protocol/messages.js';

export type SendReports = (reports: readonly TaskReport[]) => void;

const batchMs = 10;

/**
 * Queue of task statuses for the manager. Only the last status of a task is sent, statuses are
 * batched, and a status that takes a task out of service is sent at once. Statuses are kept until
 * the task is forgotten, so that each new session can start with all of them.
 */
export class Reporter {
  readonly #clock: Clock;
  readonly #last = new Map<TaskId, { readonly status: TaskStatus; readonly json: string }>();
  readonly #dirty = new Set<TaskId>();
  #send: SendReports | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records a status; true if it differs from the last one. */
  update({ taskId, status }: TaskReport): boolean {
    const json = canonicalJson(status);
    const before = this.#last.get(taskId);
    if (before?.json === json) return false;
    this.#last.set(taskId, { status, json });
    this.#dirty.add(taskId);
    if (this.#send === undefined) return true;
    if (isUrgent(before?.status, status)) this.#flush();
    else
      this.#cancelTimer ??= this.#clock.after(batchMs, () => {
        this.#flush();
      });
    return true;
  }

  forget(taskId: TaskId): void {
    this.#last.delete(taskId);
    this.#dirty.delete(taskId);
  }

  /**
   * Starts sending changes to `send`; the session's hello message contained all earlier statuses.
   */
  attach(send: SendReports): void {
    this.#send = send;
    this.#flush();
  }

  detach(): void {
    this.#send = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const reports = [...this.#dirty].flatMap((taskId) => {
      const last = this.#last.get(taskId);
      return last === undefined ? [] : [{ taskId, status: last.status }];
    });
    this.#dirty.clear();
    if (reports.length > 0) this.#send?.(reports);
  }
}

/** True if the task ends or its availability changes: other components wait for that. */
function isUrgent(before: TaskStatus | undefined, now: TaskStatus): boolean {
  if (isTerminal(now.state)) return true;
  if (before?.state !== 'running') return false;
  return before.startedAt !== now.startedAt || before.health !== now.health;
}
