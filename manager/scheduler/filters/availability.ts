import type { NodeFilter } from './filter.js';
import { nodesAre } from './filter.js';

const drained = nodesAre('drained');
const paused = nodesAre('paused');

export const availabilityFilter: NodeFilter = {
  check(_demand, { node }) {
    if (node.spec.availability === 'active') return undefined;
    return node.spec.availability === 'drain' ? drained : paused;
  },
};
