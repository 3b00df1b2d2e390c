import { updateConfigOf, updateOf } from '../../../manager/common/model/rollback.js';
import type { Service, UpdateStatus } from '../../../manager/common/model/service.js';
import type { Watched } from '../../client/watched.js';
import type { ProgressRow } from '../../output/progress.js';

/** Status of a service's update for a command that waits for its tasks. */
export interface UpdateView {
  readonly row?: ProgressRow;
  /** True while the manager monitors the update; single task failures do not decide its outcome. */
  readonly isWatched: boolean;
  readonly failure?: string;
}

/**
 * Evaluates the update of a service. `back` is true if the user asked for the rollback; any other
 * rollback is a failure.
 */
export function updateView(
  service: Service,
  wanted: { readonly before: Watched; readonly back?: boolean },
): UpdateView {
  const status = updateOf(service);
  if (status === undefined) return { isWatched: false };
  const id = `Service ${service.spec.name}`;
  const key = service.spec.service;
  if (status.state === 'paused') {
    const failure = `service ${key}: ${kindText(status)} paused: ${status.message}; ${nextSteps(status, key)}`;
    return { isWatched: false, row: { id, text: 'Paused', state: 'error' }, failure };
  }
  const isBack =
    status.kind === 'rollback' && wanted.back !== true && isNew(service, wanted.before);
  if (status.state === 'completed') {
    if (!isBack) return { isWatched: false };
    const failure = `service ${key}: update failed and was rolled back: ${status.message}`;
    return { isWatched: false, row: { id, text: 'Rolled back', state: 'error' }, failure };
  }
  if (!isBack && updateConfigOf(service) === undefined) return { isWatched: false };
  const text = status.kind === 'rollback' ? 'Rolling back' : 'Updating';
  const detail = status.message;
  return { isWatched: true, row: { id, text, state: isBack ? 'warning' : 'working', detail } };
}

function kindText({ kind }: UpdateStatus): string {
  return kind === 'rollback' ? 'rollback' : 'update';
}

function nextSteps({ kind }: UpdateStatus, key: string): string {
  const resume = 'resume with "shoal up"';
  return kind === 'change' ? `${resume}, or run "shoal rollback ${key}"` : resume;
}

/** True if the update began after the command; earlier updates are not reported. */
function isNew(service: Service, before: Watched): boolean {
  const known = before.services.get(service.id)?.updateStatus;
  return known?.startedAt !== service.updateStatus?.startedAt;
}
