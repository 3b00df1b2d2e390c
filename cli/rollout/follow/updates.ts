import { updateConfigOf, currentUpdate } from '../../../manager/common/model/rollback.js';
import type { Service, UpdateStatus } from '../../../manager/common/model/service.js';
import type { WatchedState } from '../../client/watched.js';
import type { ProgressRow } from '../../output/progress.js';

/** Status of a service's update for a command that waits for its tasks. */
export interface UpdateView {
  readonly row?: ProgressRow;
  /** True while the manager monitors the update; single task failures do not decide its outcome. */
  readonly isMonitored: boolean;
  readonly failure?: string;
}

/**
 * Evaluates the update of a service. `back` is true if the user asked for the rollback; any other
 * rollback is a failure.
 */
export function updateView(
  service: Service,
  wanted: { readonly before: WatchedState; readonly back?: boolean },
): UpdateView {
  const status = currentUpdate(service);
  if (status === undefined) return { isMonitored: false };
  const id = `Service ${service.spec.name}`;
  const key = service.spec.service;
  if (status.state === 'paused') {
    const failure = `service ${key}: ${kindText(status)} paused: ${status.message}; ${nextSteps(status, key)}`;
    return { isMonitored: false, row: { id, text: 'Paused', state: 'error' }, failure };
  }
  const isBack =
    status.kind === 'rollback' && wanted.back !== true && isNew(service, wanted.before);
  if (status.state === 'completed') {
    if (!isBack) return { isMonitored: false };
    const failure = `service ${key}: update failed and was rolled back: ${status.message}`;
    return { isMonitored: false, row: { id, text: 'Rolled back', state: 'error' }, failure };
  }
  if (!isBack && updateConfigOf(service) === undefined) return { isMonitored: false };
  const text = status.kind === 'rollback' ? 'Rolling back' : 'Updating';
  const detail = status.message;
  return { isMonitored: true, row: { id, text, state: isBack ? 'warning' : 'working', detail } };
}

function kindText({ kind }: UpdateStatus): string {
  return kind === 'rollback' ? 'rollback' : 'update';
}

function nextSteps({ kind }: UpdateStatus, key: string): string {
  const resume = 'resume with "shoal up"';
  return kind === 'change' ? `${resume}, or run "shoal rollback ${key}"` : resume;
}

/** True if the update began after the command; earlier updates are not reported. */
function isNew(service: Service, before: WatchedState): boolean {
  const known = before.services.get(service.id)?.updateStatus;
  return known?.startedAt !== service.updateStatus?.startedAt;
}
