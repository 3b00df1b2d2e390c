import { updateConfigOf, updateOf } from '../../../manager/common/model/rollback.js';
import type { Service, UpdateStatus } from '../../../manager/common/model/service.js';
import type { Watched } from '../../client/watched.js';
import type { ProgressRow } from '../../output/progress.js';

/** How the change of a service stands for a command that waits for its tasks. */
export interface UpdateView {
  readonly row?: ProgressRow;
  /** The manager watches it and will say how it ends: what a single task does decides nothing. */
  readonly isWatched: boolean;
  readonly failure?: string;
}

/** `back`: going back is what was asked for, not what came of it. */
export function updateView(
  service: Service,
  wanted: { readonly before: Watched; readonly back?: boolean },
): UpdateView {
  const status = updateOf(service);
  if (status === undefined) return { isWatched: false };
  const id = `Service ${service.spec.name}`;
  const key = service.spec.service;
  if (status.state === 'paused') {
    const failure = `service ${key}: ${whatOf(status)} is paused: ${status.message}; ${waysOn(status, key)}`;
    return { isWatched: false, row: { id, text: 'Paused', state: 'error' }, failure };
  }
  const isBack =
    status.kind === 'rollback' && wanted.back !== true && isNew(service, wanted.before);
  if (status.state === 'completed') {
    if (!isBack) return { isWatched: false };
    const failure = `service ${key}: its update failed and was rolled back: ${status.message}`;
    return { isWatched: false, row: { id, text: 'Rolled back', state: 'error' }, failure };
  }
  if (!isBack && updateConfigOf(service) === undefined) return { isWatched: false };
  const text = status.kind === 'rollback' ? 'Rolling back' : 'Updating';
  const detail = status.message;
  return { isWatched: true, row: { id, text, state: isBack ? 'warning' : 'working', detail } };
}

function whatOf({ kind }: UpdateStatus): string {
  return kind === 'rollback' ? 'its rollback' : 'its update';
}

function waysOn({ kind }: UpdateStatus, key: string): string {
  const on = '"shoal up" goes on with it';
  return kind === 'change' ? `${on}, "shoal rollback ${key}" goes back` : on;
}

/** Began since the command did: what became of an earlier change is no news. */
function isNew(service: Service, before: Watched): boolean {
  const known = before.services.get(service.id)?.updateStatus;
  return known?.startedAt !== service.updateStatus?.startedAt;
}
