import type { ClusterStore } from './store.js';

/** Resolves when the condition holds, checked now and after each store change, or on abort. */
export function waitUntil(
  store: Pick<ClusterStore, 'watch'>,
  condition: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stop();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const stop = store.watch(() => {
      if (condition()) end();
    });
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted || condition()) end();
  });
}
