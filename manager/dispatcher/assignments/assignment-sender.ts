import type { Clock } from '../../common/base/clock.js';
import type { NodeId } from '../../common/model/ids.js';
import type { Commit, StoreView } from '../../store/store.js';
import { AssignmentTracker } from './assignment-tracker.js';
import type { WorkerSession } from '../sessions/session.js';
import { Throttle } from '../throttle.js';

export interface AssignmentSenderOptions {
  readonly view: StoreView;
  readonly clock: Clock;
  readonly clusterId: string;
  readonly tickMs: number;
  readonly session: (nodeId: NodeId) => WorkerSession | undefined;
}

/** Sends each connected node its full assignment set once, then changes, batched by tick. */
export class AssignmentSender {
  readonly #options: AssignmentSenderOptions;
  readonly #tracker: AssignmentTracker;
  readonly #throttle: Throttle;

  constructor(options: AssignmentSenderOptions) {
    this.#options = options;
    this.#tracker = new AssignmentTracker(options.view, options.clusterId);
    this.#throttle = new Throttle(options.clock, options.tickMs, () => {
      this.#sendChanges();
    });
  }

  /** Sends the full set and starts to track the node. */
  open(session: WorkerSession): void {
    session.post({ kind: 'assignments', set: this.#tracker.open(session.nodeId) });
  }

  close(nodeId: NodeId): void {
    this.#tracker.close(nodeId);
  }

  applyCommit(commit: Commit): void {
    this.#tracker.applyCommit(commit);
  }

  /** Schedules the changes that the tracker has found. */
  flush(): void {
    if (this.#tracker.dirtyNodes().length > 0) this.#throttle.poke();
  }

  async stop(): Promise<void> {
    await this.#throttle.stop();
  }

  #sendChanges(): void {
    for (const nodeId of this.#tracker.dirtyNodes()) {
      const change = this.#tracker.take(nodeId);
      if (change !== undefined) this.#options.session(nodeId)?.post({ kind: 'change', change });
    }
  }
}
