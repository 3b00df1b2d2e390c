import type { Clock } from '../common/base/clock.js';
import type { NodeId } from '../common/model/ids.js';
import type { StoreView } from '../store/store.js';
import type { BackgroundWrite } from './background-write.js';
import type { WorkerSession } from './sessions/session.js';
import { fencedLeases, unusedGatewayLeases } from './unused-leases.js';

/** Grace for a node to remove unknown containers before its fenced leases are released, ms. */
const fencedMs = 30_000;
const sweepMs = 5_000;

/** The part of a session that the release reads. */
type ReportedNode = Pick<WorkerSession, 'nodeId' | 'networks' | 'startedAt'>;

export interface LeaseReleaseOptions {
  readonly view: StoreView;
  readonly clock: Clock;
  readonly write: BackgroundWrite;
  readonly sessions: () => Iterable<ReportedNode>;
}

/** Releases leases of connected nodes: unused gateways, and fences once a node has cleaned up. */
export class LeaseRelease {
  readonly #options: LeaseReleaseOptions;
  /** Nodes that returned with containers of unknown tasks, by their time of return, ms. */
  readonly #cleaningSince = new Map<NodeId, number>();
  #cancelSweep: (() => void) | undefined;

  constructor(options: LeaseReleaseOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancelSweep = this.#options.clock.after(sweepMs, () => {
      this.#sweep();
      this.start();
    });
  }

  stop(): void {
    this.#cancelSweep?.();
  }

  /** Keeps the fenced leases of a node until it has had time to remove unknown containers. */
  waitForCleanUp(nodeId: NodeId): void {
    this.#cleaningSince.set(nodeId, this.#options.clock.elapsed());
  }

  forget(nodeId: NodeId): void {
    this.#cleaningSince.delete(nodeId);
  }

  /** Releases the node's gateways on networks that it neither has nor needs. */
  releaseGateways({ nodeId, networks }: ReportedNode): void {
    const { view, write } = this.#options;
    if (unusedGatewayLeases(view, nodeId, networks).length === 0) return;
    write((tx) => {
      for (const id of unusedGatewayLeases(tx, nodeId, networks)) tx.remove('leases', id);
    });
  }

  /** Releases leases that no event releases: gateways of networks never created, expired fences. */
  #sweep(): void {
    const { clock, write, sessions } = this.#options;
    const now = clock.elapsed();
    for (const session of sessions()) {
      if (now - session.startedAt > fencedMs) this.releaseGateways(session);
    }
    for (const [nodeId, since] of this.#cleaningSince) {
      if (now - since < fencedMs) continue;
      this.#cleaningSince.delete(nodeId);
      write((tx) => {
        for (const id of fencedLeases(tx, nodeId)) tx.remove('leases', id);
      });
    }
  }
}
