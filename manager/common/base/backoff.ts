export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Growth per failure; 2 unless told. */
  readonly factor?: number;
}

/**
 * Wait before try number `failures` + 1, in ms. `jitter` in [0, 1) spreads it over the upper half, so that
 * many who failed together do not come back together.
 */
export function backoffMs(options: BackoffOptions, failures: number, jitter: number): number {
  const factor = options.factor ?? 2;
  const full = Math.min(options.maxMs, options.firstMs * factor ** Math.max(0, failures - 1));
  return Math.round(full * (0.5 + jitter / 2));
}
