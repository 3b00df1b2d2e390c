import { hashOf } from '../base/canonical.js';
import type { Labels } from './meta.js';
import type { ServiceSpec } from './service.js';

/**
 * Hash of a service's task spec: tasks with another hash are out of date. Replicas, placement and
 * labels of the service object are not part of it, so changing them never restarts a container.
 * Labels that only describe a container's origin to other tools are left out too, as docker compose
 * does, and so is what the policy of the project adds to the mounts.
 */
export function taskHashOf(spec: ServiceSpec, forceUpdate: number): string {
  // A client's container is never replaced: a rename or update changes it in place.
  if (spec.task.container.origin !== undefined) return originHash;
  const { placement: _placement, container, ...rest } = spec.task;
  const { confinedTo: _policy, ...own } = container;
  const running = {
    ...rest,
    container: { ...own, labels: relevantLabels(container.labels) },
  };
  return hashOf({ running, forceUpdate }).slice(0, 32);
}

const originHash = hashOf('container').slice(0, 32);

const originLabels = /^com\.docker\.compose\.(depends_on|version|project\..*)$/;

function relevantLabels(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !originLabels.test(name)));
}
