import { describeUnsatisfied, satisfies } from '../../common/model/constraint.js';
import type { NodeFilter } from './filter.js';
import { reasonOnNodes } from './filter.js';

export const constraintsFilter: NodeFilter = {
  check({ constraints }, { node }) {
    const failed = constraints.find((constraint) => !satisfies(node, constraint));
    return failed === undefined ? undefined : reasonOnNodes(describeUnsatisfied(failed));
  },
};
