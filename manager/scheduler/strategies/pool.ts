import type { ServiceId } from '../../common/model/ids.js';
import { Heap } from '../heap.js';
import type { Candidate } from '../candidates.js';

/** Pool of suitable nodes; hands out the best one each time. */
export interface CandidatePool {
  /**
   * Removes and returns the best node; the caller puts it back if it still fits after a placement.
   */
  take(): Candidate | undefined;
  put(candidate: Candidate): void;
}

/** A scheduling strategy: creates a pool of candidates for the tasks of one service. */
export type CandidatePoolFactory = (
  candidates: readonly Candidate[],
  serviceId: ServiceId,
) => CandidatePool;

/** A node in a pool, with the counts of the pool's service. */
export interface PooledNode {
  readonly candidate: Candidate;
  /** Tasks of the service on the node. */
  readonly own: number;
  /** Recent rejections of the service by the node. */
  readonly refused: number;
}

type Order = (a: PooledNode, b: PooledNode) => number;

/**
 * A pool in an order of its own. In every strategy, nodes that recently rejected tasks of the
 * service come last, and equal nodes are in order of their names.
 */
export function orderedPool(order: Order): CandidatePoolFactory {
  const isBefore = (a: PooledNode, b: PooledNode): boolean =>
    (a.refused - b.refused || order(a, b) || a.candidate.rank - b.candidate.rank) < 0;
  return (candidates, serviceId) => new OrderedPool(candidates, serviceId, isBefore);
}

/** The first node is found in one pass: most groups have one task and need no heap. */
class OrderedPool implements CandidatePool {
  readonly #candidates: readonly Candidate[];
  readonly #serviceId: ServiceId;
  readonly #isBefore: (a: PooledNode, b: PooledNode) => boolean;
  #heap: Heap<PooledNode> | undefined;
  /** The first node, until it is put back. */
  #first: Candidate | undefined;
  #isFresh = true;

  constructor(
    candidates: readonly Candidate[],
    serviceId: ServiceId,
    isBefore: (a: PooledNode, b: PooledNode) => boolean,
  ) {
    this.#candidates = candidates;
    this.#serviceId = serviceId;
    this.#isBefore = isBefore;
  }

  take(): Candidate | undefined {
    if (this.#isFresh) {
      this.#isFresh = false;
      this.#first = this.#best();
      return this.#first;
    }
    const first = this.#first;
    this.#heap ??= new Heap(
      this.#candidates.filter((each) => each !== first).map((each) => this.#pooled(each)),
      this.#isBefore,
    );
    return this.#heap.pop()?.candidate;
  }

  put(candidate: Candidate): void {
    if (this.#heap === undefined) this.#first = undefined;
    else this.#heap.push(this.#pooled(candidate));
  }

  #best(): Candidate | undefined {
    let best: PooledNode | undefined;
    for (const candidate of this.#candidates) {
      const pooled = this.#pooled(candidate);
      if (best === undefined || this.#isBefore(pooled, best)) best = pooled;
    }
    return best?.candidate;
  }

  #pooled(candidate: Candidate): PooledNode {
    return {
      candidate,
      own: candidate.serviceTasks.get(this.#serviceId) ?? 0,
      refused: candidate.refusals.get(this.#serviceId) ?? 0,
    };
  }
}
