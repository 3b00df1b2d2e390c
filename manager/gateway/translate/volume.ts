import type { Labels } from '../../common/model/meta.js';
import type { Volume } from '../../common/model/network.js';
import type { TaskSpec } from '../../common/model/service.js';
import type { QueryFilters } from '../filters.js';
import { matchesFilter, flagFilter, hasLabels, matchesName } from '../filters.js';

export const volumeFilters = ['dangling', 'driver', 'label', 'name', 'node'];

export function labelsOfVolume({ spec }: Volume): Labels {
  if (spec.project === '') return spec.labels;
  return {
    'com.docker.compose.project': spec.project,
    'com.docker.compose.volume': spec.key,
    ...spec.labels,
  };
}

/** Converts a named volume; `nodes` are the names of the nodes that have its data. */
export function toVolume(volume: Volume, nodes: readonly string[]): object {
  const { spec } = volume;
  return {
    CreatedAt: new Date(volume.createdAt).toISOString(),
    Driver: spec.driver === '' ? 'local' : spec.driver,
    Labels: labelsOfVolume(volume),
    Mountpoint: '',
    Name: spec.name,
    Options: Object.keys(spec.driverOpts).length === 0 ? null : spec.driverOpts,
    Scope: 'global',
    Status: { nodes },
  };
}

export interface VolumeUse {
  readonly nodes: readonly string[];
  readonly isUsed: boolean;
}

export function matchesVolume(
  volume: Volume,
  filters: QueryFilters,
  { nodes, isUsed }: VolumeUse,
): boolean {
  const dangling = flagFilter(filters, 'dangling');
  return (
    matchesFilter(filters, 'name', (value) => matchesName(volume.spec.name, value)) &&
    matchesFilter(filters, 'driver', (value) => (volume.spec.driver || 'local') === value) &&
    matchesFilter(filters, 'node', (value) => nodes.includes(value)) &&
    (dangling === undefined || dangling === !isUsed) &&
    hasLabels(filters, labelsOfVolume(volume))
  );
}

/** Names of the volumes that a container mounts. */
export function volumesOf({ container }: Pick<TaskSpec, 'container'>): readonly string[] {
  return container.mounts.flatMap((mount) =>
    mount.type === 'volume' && mount.source !== undefined ? [mount.source] : [],
  );
}
