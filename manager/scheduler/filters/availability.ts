import type { Filter } from './filter.js';
import { isIn } from './filter.js';

const drained = isIn('drained');
const paused = isIn('paused');

export const availabilityFilter: Filter = {
  check(_demand, { node }) {
    if (node.spec.availability === 'active') return undefined;
    return node.spec.availability === 'drain' ? drained : paused;
  },
};
