import type { Config, Secret } from '../../../common/model/secret.js';
import { contentOf } from '../../../common/model/secret.js';
import type { QueryFilters } from '../../filters.js';
import { hasLabels, matchesFilter } from '../../filters.js';
import { objectFields, withStack } from './object.js';

/** A secret without its content. */
export function toSwarmSecret(secret: Secret): object {
  const { name, project, labels } = secret.spec;
  return { ...objectFields(secret), Spec: { Name: name, Labels: withStack(project, labels) } };
}

export function toSwarmConfig(config: Config): object {
  const { name, project, labels } = config.spec;
  const Spec = { Name: name, Labels: withStack(project, labels), Data: contentOf(config) };
  return { ...objectFields(config), Spec };
}

export const dataFilters = ['id', 'label', 'name', 'names'];

export function matchesData({ id, spec }: Secret | Config, filters: QueryFilters): boolean {
  const { name, project, labels } = spec;
  return (
    matchesFilter(filters, 'id', (value) => id.startsWith(value)) &&
    matchesFilter(filters, 'name', (value) => name.startsWith(value)) &&
    matchesFilter(filters, 'names', (value) => name === value) &&
    hasLabels(filters, withStack(project, labels))
  );
}
