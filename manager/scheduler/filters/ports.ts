import { choosePorts } from '../host-ports.js';
import type { NodeFilter } from './filter.js';
import { reasonOnNodes } from './filter.js';

export const portsFilter: NodeFilter = {
  check({ task }, candidate) {
    const choice = choosePorts(task, candidate.ports);
    return choice.fits
      ? undefined
      : reasonOnNodes(choice.reason, `has another task on it: ${choice.reason}`);
  },
};
