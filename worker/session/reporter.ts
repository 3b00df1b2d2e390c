import type { Clock } from '../../manager/common/base/clock.js';
import { canonicalJson } from '../../manager/common/base/canonical.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import { isTerminal } from '../../manager/common/model/task-state.js';
import type { TaskStatus } from '../../manager/common/model/task.js';
import type { TaskReport } from '../../manager/common/protocol/messages.js';

export type SendReports = (reports: readonly TaskReport[]) => void;

const settleMs = 10;

/**
 * Task statuses on their way to the manager: only the last of each task counts, several go together, and
 * what takes a task out of service goes at once. The statuses stay here until the task is forgotten, so
 * that each new session can begin with all of them.
 */
export class Reporter {
  readonly #clock: Clock;
  readonly #last = new Map<TaskId, { readonly status: TaskStatus; readonly text: string }>();
  readonly #dirty = new Set<TaskId>();
  #send: SendReports | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when it says something new. */
  update({ taskId, status }: TaskReport): boolean {
    const text = canonicalJson(status);
    const before = this.#last.get(taskId);
    if (before?.text === text) return false;
    this.#last.set(taskId, { status, text });
    this.#dirty.add(taskId);
    if (this.#send === undefined) return true;
    if (isUrgent(before?.status, status)) this.#flush();
    else
      this.#cancelTimer ??= this.#clock.after(settleMs, () => {
        this.#flush();
      });
    return true;
  }

  forget(taskId: TaskId): void {
    this.#last.delete(taskId);
    this.#dirty.delete(taskId);
  }

  /** A session has begun, and its hello carried all there was: from now on changes go to `send`. */
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

/** Whatever stops a task from answering, or ends it: others wait for that. */
function isUrgent(before: TaskStatus | undefined, now: TaskStatus): boolean {
  if (isTerminal(now.state)) return true;
  if (before?.state !== 'running') return false;
  return before.startedAt !== now.startedAt || before.health !== now.health;
}
