import type { Clock } from '../../common/base/clock.js';
import { AppError } from '../../common/base/errors.js';
import { KeyedTokenBuckets } from '../../common/base/token-bucket.js';
import type { NodeId } from '../../common/model/ids.js';

/** More nodes than a cluster has; beyond it messages of further nodes are refused. */
const maxKeys = 16_384;
/** A worker sends its description when its engine's labels or version change. */
const descriptionRate = { capacity: 60, perSecond: 1, maxKeys };
/** One for each image that no registry provides; a node may start hundreds of tasks at once. */
const imageRate = { capacity: 200, perSecond: 2, maxKeys };
const maxImagesInFlight = 64;
const warningRate = { capacity: 3, perSecond: 1 / 60, maxKeys };

/** Limits messages of workers that cause writes, transfers or log lines. */
export class MessageLimits {
  readonly #clock: Clock;
  readonly #descriptions = new KeyedTokenBuckets(descriptionRate);
  readonly #images = new KeyedTokenBuckets(imageRate);
  readonly #imagesInFlight = new Map<NodeId, number>();
  readonly #warnings = new KeyedTokenBuckets(warningRate);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws `invalid` for a worker that sends its description more often than it can change. */
  checkDescription(nodeId: NodeId): void {
    if (this.#descriptions.take(nodeId, this.#clock.elapsed())) return;
    throw new AppError('invalid', 'too many description messages');
  }

  /** Runs a node's request for an image. Rejects with `unavailable` beyond the limits. */
  async runImageRequest<Value>(nodeId: NodeId, run: () => Promise<Value>): Promise<Value> {
    const inFlight = this.#imagesInFlight.get(nodeId) ?? 0;
    if (inFlight >= maxImagesInFlight || !this.#images.take(nodeId, this.#clock.elapsed())) {
      throw new AppError('unavailable', 'too many image requests; retry in a minute');
    }
    this.#imagesInFlight.set(nodeId, inFlight + 1);
    try {
      return await run();
    } finally {
      const left = (this.#imagesInFlight.get(nodeId) ?? 1) - 1;
      if (left === 0) this.#imagesInFlight.delete(nodeId);
      else this.#imagesInFlight.set(nodeId, left);
    }
  }

  /** True if another warning about the node may be logged. */
  mayWarn(nodeId: NodeId): boolean {
    return this.#warnings.take(nodeId, this.#clock.elapsed());
  }
}
