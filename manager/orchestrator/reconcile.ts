import { enforceQuota } from './quota.js';
import type { TaskChange } from './task-change.js';
import { reconcileCreated } from './created-container.js';
import { reconcileGlobal } from './global.js';
import { reconcileReplicated, reconcileRemoval } from './replicated.js';
import type { ServiceSnapshot } from './service-snapshot.js';

/**
 * Returns the changes that bring a service to its spec. Pure and idempotent: after the changes are
 * written, the next call returns only waits.
 */
export function reconcile(snapshot: ServiceSnapshot): readonly TaskChange[] {
  return enforceQuota(reconcileTasks(snapshot), snapshot);
}

function reconcileTasks(snapshot: ServiceSnapshot): readonly TaskChange[] {
  if (snapshot.service.removing) return reconcileRemoval(snapshot);
  if (snapshot.service.spec.task.container.origin !== undefined) return reconcileCreated(snapshot);
  return snapshot.service.spec.mode.kind === 'global'
    ? reconcileGlobal(snapshot)
    : reconcileReplicated(snapshot);
}
