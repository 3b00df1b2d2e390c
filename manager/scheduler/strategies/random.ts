import { seededRandom } from '../../common/base/random.js';
import type { CandidatePoolFactory } from './pool.js';

/** Random suitable node, uniformly distributed; equal seeds give equal placements. */
export function random(seed: number): CandidatePoolFactory {
  const next = seededRandom(seed);
  return (candidates) => {
    const nodes = [...candidates];
    return {
      take() {
        const index = Math.floor(next() * nodes.length);
        const taken = nodes[index];
        const last = nodes.pop();
        if (last !== undefined && index < nodes.length) nodes[index] = last;
        return taken;
      },
      put(candidate) {
        nodes.push(candidate);
      },
    };
  };
}
