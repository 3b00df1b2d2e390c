export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Growth factor per failure; default 2. */
  readonly factor?: number;
}

/**
 * Delay in ms before attempt `failures` + 1: exponential, capped at `maxMs`. `jitter` in [0, 1)
 * spreads the delay over its upper half, so that clients that failed together do not retry
 * together.
 */
export function backoffMs(options: BackoffOptions, failures: number, jitter: number): number {
  const factor = options.factor ?? 2;
  const full = Math.min(options.maxMs, options.firstMs * factor ** Math.max(0, failures - 1));
  return Math.round(full * (0.5 + jitter / 2));
}
