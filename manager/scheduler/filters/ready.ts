import type { NodeFilter, Refusal } from './filter.js';
import { nodeCount, nodesAre } from './filter.js';

const down = nodesAre('down');
const unknown = nodesAre('in state unknown');
const silent: Refusal = {
  count: (nodes) => `the Docker engine of ${nodeCount(nodes)} does not answer`,
  predicate: 'has a Docker engine that does not answer',
};

export const readyFilter: NodeFilter = {
  check(_demand, { node }) {
    if (node.status.state === 'ready') return undefined;
    if (node.status.state === 'down') return down;
    return node.status.engine === 'silent' ? silent : unknown;
  },
};
