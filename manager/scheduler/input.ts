import type { Volume } from '../common/model/network.js';
import type { Node } from '../common/model/node.js';
import type { PlacementView } from '../store/indexes/placement-index.js';

export type Strategy = 'spread' | 'binpack' | 'random';

/** Input of a placement decision: a consistent view of the store. */
export interface SchedulerInput {
  readonly nodes: readonly Node[];
  readonly placement: PlacementView;
  readonly volumeByName: (name: string) => Volume | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly strategy: Strategy;
  /** Seed of the `random` strategy. */
  readonly seed: number;
}
