import { seededRandom } from '../../common/base/random.js';
import type { MakePool } from './pool.js';

/** Any node that fits, each as likely; the same seed gives the same placements. */
export function random(seed: number): MakePool {
  const next = seededRandom(seed);
  return (candidates) => {
    const nodes = [...candidates];
    return {
      take() {
        const at = Math.floor(next() * nodes.length);
        const taken = nodes[at];
        const last = nodes.pop();
        if (last !== undefined && at < nodes.length) nodes[at] = last;
        return taken;
      },
      put(candidate) {
        nodes.push(candidate);
      },
    };
  };
}
