import type { TaskChange } from './change.js';
import { reconcileGlobal } from './global.js';
import { reconcileReplicated, removeService } from './replicated.js';
import type { ServiceScene } from './scene.js';

/**
 * What has to be written for a service to become what its spec says. Pure; writing it and asking again
 * gives nothing more but waits.
 */
export function reconcile(scene: ServiceScene): readonly TaskChange[] {
  if (scene.service.removing) return removeService(scene);
  return scene.service.spec.mode.kind === 'global'
    ? reconcileGlobal(scene)
    : reconcileReplicated(scene);
}
