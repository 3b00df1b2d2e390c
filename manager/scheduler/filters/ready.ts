import type { Filter } from './filter.js';
import { isIn } from './filter.js';

const down = isIn('down');
const unknown = isIn('in state unknown');

export const readyFilter: Filter = {
  check(_demand, { node }) {
    if (node.status.state === 'ready') return undefined;
    return node.status.state === 'down' ? down : unknown;
  },
};
