import type { ContainerSpec, EngineRestart } from '../../manager/common/model/container.js';

/** The outcome of a container's run. */
export interface RunOutcome {
  /** Delay from the start to the exit; undefined if the process does not exit by itself. */
  readonly endAtMs?: number;
  readonly exitCode: number;
  /** The exit is a fault: skipped once faults are off. */
  readonly isFault: boolean;
  readonly healthAtMs?: number;
  readonly health: 'healthy' | 'unhealthy';
}

/**
 * Outcome by image: `job` runs to completion, usually with exit code 0; `crash` exits at once until
 * faults are off; `sick` never becomes healthy; `broken` cannot be pulled (engine.ts). All other
 * images serve and crash now and then.
 */
export function outcomeOf({ image, healthcheck }: ContainerSpec, random: () => number): RunOutcome {
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

/** Whether the engine restarts a container after its exit. `maxRetries` 0 means no limit. */
export function restartsAfterExit(
  { name, maxRetries = 0 }: EngineRestart,
  exitCode: number,
  restarts: number,
): boolean {
  if (name === 'no') return false;
  if (name !== 'on-failure') return true;
  return exitCode !== 0 && (maxRetries === 0 || restarts < maxRetries);
}
