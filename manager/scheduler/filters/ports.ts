import { choosePorts } from '../host-ports.js';
import type { Filter } from './filter.js';
import { lacks } from './filter.js';

export const portsFilter: Filter = {
  check({ task }, candidate) {
    const choice = choosePorts(task, candidate.ports);
    return choice.fits
      ? undefined
      : lacks(choice.reason, `has another task on it: ${choice.reason}`);
  },
};
