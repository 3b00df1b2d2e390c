import { AppError } from '../common/base/errors.js';
import { waitUntil } from '../store/wait-until.js';
import type { ApiRequest, GatewayContext } from './context.js';

export interface StateWait {
  readonly isDone: () => boolean;
  readonly waitMs: number;
  /** Subject and verb for the error: `web to stop`. */
  readonly what: string;
}

/** Waits for a state of the store. Throws `timeout` after the deadline. */
export async function waitForState(
  { store }: Pick<GatewayContext, 'store'>,
  { signal }: Pick<ApiRequest, 'signal'>,
  { isDone, waitMs, what }: StateWait,
): Promise<void> {
  const deadline = AbortSignal.timeout(waitMs);
  await waitUntil(store, isDone, AbortSignal.any([signal, deadline]));
  if (isDone()) return;
  throw new AppError('timeout', `timed out after ${waitMs / 1000} s waiting for ${what}`);
}
