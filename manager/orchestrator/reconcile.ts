import type { TaskChange } from './change.js';
import { reconcileGlobal } from './global.js';
import { reconcileReplicated, removeService } from './replicated.js';
import type { ServiceScene } from './scene.js';

/**
 * Returns the changes that bring a service to its spec. Pure and idempotent: after the changes are
 * written, the next call returns only waits.
 */
export function reconcile(snapshot: ServiceScene): readonly TaskChange[] {
  if (snapshot.service.removing) return removeService(snapshot);
  return snapshot.service.spec.mode.kind === 'global'
    ? reconcileGlobal(snapshot)
    : reconcileReplicated(snapshot);
}
