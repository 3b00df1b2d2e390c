import type { ContainerSpec, EngineRestart } from '../../manager/common/model/container.js';

/** What becomes of a container that has been started. */
export interface Fate {
  /** When its process ends; undefined: not by itself. */
  readonly endAtMs?: number;
  readonly exitCode: number;
  /** Ends by a fault, which does not happen once faults have ceased. */
  readonly isFault: boolean;
  readonly healthAtMs?: number;
  readonly health: 'healthy' | 'unhealthy';
}

/**
 * Images: `job` runs to its end, mostly a good one; `crash` ends at once (until faults have ceased), `sick` never gets healthy, `broken`
 * cannot be had (engine.ts); all others serve, and crash now and then.
 */
export function fateOf({ image, healthcheck }: ContainerSpec, random: () => number): Fate {
  const checked = {
    ...(healthcheck === undefined ? {} : { healthAtMs: 200 + random() * 3_000 }),
    health: image === 'sick' ? 'unhealthy' : 'healthy',
  } as const;
  if (image === 'job') {
    const fails = random() < 0.15;
    return {
      ...checked,
      endAtMs: 200 + random() * 8_000,
      exitCode: fails ? 1 : 0,
      isFault: false,
    };
  }
  if (image === 'crash') {
    return { ...checked, endAtMs: 50 + random() * 500, exitCode: 1, isFault: true };
  }
  if (random() >= 0.15) return { ...checked, exitCode: 1, isFault: false };
  return { ...checked, endAtMs: 1_000 + random() * 20_000, exitCode: 1, isFault: true };
}

/** Whether the engine starts it again. */
export function afterExit(
  { name, maxRetries = 0 }: EngineRestart,
  exitCode: number,
  restarts: number,
): boolean {
  if (name === 'no') return false;
  if (name !== 'on-failure') return true;
  return exitCode !== 0 && (maxRetries === 0 || restarts < maxRetries);
}
