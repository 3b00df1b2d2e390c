import { waitFor } from '../../fixtures/lab/wait.js';

/**
 * Polls `look` every 10 ms until it is true; fails after `timeoutMs` with `what` in the message.
 */
export async function until(
  what: string,
  timeoutMs: number,
  look: () => boolean | Promise<boolean>,
): Promise<void> {
  await waitFor(what, look, { timeoutMs, intervalMs: 10 });
}
