import { waitFor } from '../../fixtures/lab/wait.js';

/** Looks every few ms until `look` is true; after `timeoutMs` fails with what it waited for. */
export async function until(
  what: string,
  timeoutMs: number,
  look: () => boolean | Promise<boolean>,
): Promise<void> {
  await waitFor(what, look, { timeoutMs, intervalMs: 10 });
}
