import type { Clock } from '../common/base/clock.js';
import { AppError, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { NodeId, TaskId } from '../common/model/ids.js';
import type { TaskStatus } from '../common/model/task.js';
import type { TaskReport } from '../common/protocol/messages.js';
import type { ClusterStore, Transaction } from '../store/store.js';
import { applyReport } from './report.js';
import { Throttle } from './throttle.js';

/** Maximum number of tasks with a pending report; a session that exceeds it is dropped. */
const maxPending = 500_000;

interface Pending {
  readonly nodeId: NodeId;
  readonly status: TaskStatus;
}

/** Batches task reports: all reports of a tick go into one transaction, the newest per task. */
export class ReportBatch {
  readonly #store: ClusterStore;
  readonly #log: Logger;
  readonly #throttle: Throttle;
  #pending = new Map<TaskId, Pending>();

  constructor(options: {
    readonly store: ClusterStore;
    readonly clock: Clock;
    readonly log: Logger;
    readonly tickMs: number;
  }) {
    this.#store = options.store;
    this.#log = options.log;
    this.#throttle = new Throttle(options.clock, options.tickMs, () => this.#flush());
  }

  add(nodeId: NodeId, reports: readonly TaskReport[]): void {
    if (this.#pending.size + reports.length > maxPending) {
      throw new AppError('unavailable', 'too many pending task reports; the store is too slow');
    }
    const { view } = this.#store;
    for (const { taskId, status } of reports) {
      const owner = view.get('tasks', taskId)?.nodeId;
      // Ignore reports from nodes that do not own the task: they would replace the owner's report.
      if (owner === undefined || owner === nodeId) this.#pending.set(taskId, { nodeId, status });
    }
    this.#throttle.poke();
  }

  /** Writes pending reports at once. */
  async stop(): Promise<void> {
    await this.#throttle.stop();
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const pending = this.#pending;
    if (pending.size === 0) return;
    this.#pending = new Map();
    try {
      await this.#store.update('dispatcher', (tx) => {
        for (const [taskId, report] of pending) writeReport(tx, taskId, report);
      });
    } catch (error) {
      this.#log.error(`cannot store task reports: ${messageOf(error)}; retrying`);
      this.#requeue(pending);
    }
  }

  #requeue(pending: ReadonlyMap<TaskId, Pending>): void {
    for (const [taskId, report] of pending) {
      if (!this.#pending.has(taskId)) this.#pending.set(taskId, report);
    }
    this.#throttle.poke(1_000);
  }
}

/** Writes one report; a no-op if it changes nothing, see `applyReport`. */
export function writeReport(tx: Transaction, taskId: TaskId, report: Pending): void {
  const next = applyReport(tx.get('tasks', taskId), report.nodeId, report.status);
  if (next !== undefined) tx.put('tasks', next);
}
