import type { ClusterStore } from '../store/store.js';

/** Resolves when the condition is true after a change of the store, or at the end of `signal`. */
export function untilTrue(
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
