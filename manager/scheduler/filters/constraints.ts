import { describeUnsatisfied, satisfies } from '../../common/model/constraint.js';
import type { Filter } from './filter.js';
import { lacks } from './filter.js';

export const constraintsFilter: Filter = {
  check({ constraints }, { node }) {
    const failed = constraints.find((constraint) => !satisfies(node, constraint));
    return failed === undefined ? undefined : lacks(describeUnsatisfied(failed));
  },
};
