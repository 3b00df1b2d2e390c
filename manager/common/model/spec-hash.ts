import { hashOf } from '../base/canonical.js';
import type { Labels } from './meta.js';
import type { ServiceSpec } from './service.js';

/**
 * Identity of what runs in a service's tasks. Replicas, placement and labels of the service object are
 * not part of it: changing them never restarts a container. Nor are the labels that only tell other tools
 * where a container comes from: docker compose leaves them out as well.
 */
export function taskHashOf(spec: ServiceSpec, forceUpdate: number): string {
  const { placement: _placement, container, ...rest } = spec.task;
  const running = { ...rest, container: { ...container, labels: effective(container.labels) } };
  return hashOf({ running, forceUpdate }).slice(0, 32);
}

const telling = /^com\.docker\.compose\.(depends_on|version|project\..*)$/;

function effective(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !telling.test(name)));
}
