import { hashOf } from '../base/canonical.js';
import type { ServiceSpec } from './service.js';

/**
 * Identity of what runs in a service's tasks. Replicas, placement and labels of the service object are
 * not part of it: changing them never restarts a container.
 */
export function taskHashOf(spec: ServiceSpec, forceUpdate: number): string {
  const { placement: _placement, ...running } = spec.task;
  return hashOf({ running, forceUpdate }).slice(0, 32);
}
