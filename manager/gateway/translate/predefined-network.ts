import type { QueryFilters } from '../filters.js';
import { flagFilter, hasLabels, matchesFilter, matchesName } from '../filters.js';

/** A network that every engine has: `bridge`, `host` or `none`. */
interface PredefinedNetwork {
  readonly name: string;
  readonly driver: string;
  /** Stable, and unlike the ids of the cluster's networks. */
  readonly id: string;
}

const predefined: readonly PredefinedNetwork[] = [
  { name: 'bridge', driver: 'bridge', id: '1'.padStart(64, '0') },
  { name: 'host', driver: 'host', id: '2'.padStart(64, '0') },
  { name: 'none', driver: 'null', id: '3'.padStart(64, '0') },
];

/** The predefined networks that pass the filters of a list, in the format of the Docker Engine. */
export function listPredefined(filters: QueryFilters): readonly object[] {
  return predefined.filter((network) => matches(network, filters)).map(toNetwork);
}

/** A predefined network by name or id; each machine has its own, so it lists no containers. */
export function findPredefined(reference: string): object | undefined {
  const found = predefined.find(({ name, id }) => name === reference || id === reference);
  return found === undefined ? undefined : toNetwork(found);
}

function matches({ name, driver, id }: PredefinedNetwork, filters: QueryFilters): boolean {
  return (
    matchesFilter(filters, 'name', (value) => matchesName(name, value)) &&
    matchesFilter(filters, 'id', (value) => matchesName(id, value)) &&
    matchesFilter(filters, 'driver', (value) => value === driver) &&
    matchesFilter(filters, 'scope', (value) => value === 'local') &&
    matchesFilter(filters, 'type', (value) => value === 'builtin') &&
    flagFilter(filters, 'dangling') !== true &&
    hasLabels(filters, {})
  );
}

function toNetwork({ name, driver, id }: PredefinedNetwork): object {
  return {
    ...{ Name: name, Id: id, Created: '1970-01-01T00:00:00Z', Scope: 'local', Driver: driver },
    ...{ EnableIPv4: true, EnableIPv6: false, Internal: false, Attachable: false, Ingress: false },
    IPAM: { Driver: 'default', Options: null, Config: [] },
    ...{ ConfigFrom: { Network: '' }, ConfigOnly: false, Containers: {}, Options: {}, Labels: {} },
  };
}
