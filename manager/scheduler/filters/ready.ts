import type { NodeFilter } from './filter.js';
import { nodesAre } from './filter.js';

const down = nodesAre('down');
const unknown = nodesAre('in state unknown');

export const readyFilter: NodeFilter = {
  check(_demand, { node }) {
    if (node.status.state === 'ready') return undefined;
    return node.status.state === 'down' ? down : unknown;
  },
};
