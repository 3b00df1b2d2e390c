import type { Clock } from '../common/base/clock.js';
import { AppError, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { NodeId, TaskId } from '../common/model/ids.js';
import type { TaskStatus } from '../common/model/task.js';
import type { TaskReport } from '../common/protocol/messages.js';
import type { ClusterStore, Transaction } from '../store/store.js';
import { applyReport } from './report.js';
import { Throttle } from './throttle.js';

/** Of every task the newest report only; more tasks than this at once drop their session. */
const maxPending = 500_000;

interface Pending {
  readonly nodeId: NodeId;
  readonly status: TaskStatus;
}

/** Many reports, one write: what arrives within a tick goes into one transaction. */
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
      throw new AppError('unavailable', 'more task reports than the store can take');
    }
    const { view } = this.#store;
    for (const { taskId, status } of reports) {
      const owner = view.get('tasks', taskId)?.nodeId;
      // Who speaks of another node's task must not take the place of what that one has said.
      if (owner === undefined || owner === nodeId) this.#pending.set(taskId, { nodeId, status });
    }
    this.#throttle.poke();
  }

  /** Writes what waits, now. */
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
      this.#log.error(`task reports not stored: ${messageOf(error)}`);
      this.#takeBack(pending);
    }
  }

  #takeBack(pending: ReadonlyMap<TaskId, Pending>): void {
    for (const [taskId, report] of pending) {
      if (!this.#pending.has(taskId)) this.#pending.set(taskId, report);
    }
    this.#throttle.poke(1_000);
  }
}

/** Writes one report, if it says anything. */
export function writeReport(tx: Transaction, taskId: TaskId, report: Pending): void {
  const next = applyReport(tx.get('tasks', taskId), report.nodeId, report.status);
  if (next !== undefined) tx.put('tasks', next);
}
