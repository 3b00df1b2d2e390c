import type { RestartPolicy } from '../../../manager/common/model/service.js';
import type { Project, ComposeService } from '../model.js';
import { specError } from './spec-error.js';
import { toMs } from './units.js';

/** True for a service whose tasks run to completion. */
export function isJob(service: ComposeService): boolean {
  return service.deploy?.mode?.endsWith('-job') === true;
}

const defaultDelayMs = 5_000;

/**
 * Translates `deploy.restart_policy.condition`; the words of `restart` for it, which published
 * templates use, mean `any`.
 */
export function restartCondition(condition: string | undefined): RestartPolicy['condition'] {
  return condition === 'none' || condition === 'on-failure' ? condition : 'any';
}

/**
 * Restart policy of a job: failed tasks are retried until one succeeds, unless the file limits it.
 */
export function jobPolicy(project: Project, name: string, service: ComposeService): RestartPolicy {
  const refuse = (path: readonly string[], value: string): never => {
    throw specError(
      project,
      ['services', name, ...path],
      `"${value}" would restart a completed job; use on-failure or none`,
    );
  };
  const policy = service.deploy?.restart_policy;
  if (policy === undefined) return fromRestart(service.restart, refuse);
  if (policy.condition !== undefined && restartCondition(policy.condition) === 'any')
    refuse(['deploy', 'restart_policy', 'condition'], policy.condition);
  return {
    condition: policy.condition === 'none' ? 'none' : 'on-failure',
    delayMs: toMs(policy.delay) ?? defaultDelayMs,
    maxAttempts: policy.max_attempts ?? 0,
    windowMs: toMs(policy.window) ?? 0,
  };
}

/** Translates `restart` of a job to the orchestrator's policy. */
function fromRestart(
  restart: string | undefined,
  refuse: (path: readonly string[], value: string) => never,
): RestartPolicy {
  const common = { delayMs: defaultDelayMs, windowMs: 0 };
  if (restart === 'no') return { condition: 'none', maxAttempts: 0, ...common };
  const match = /^on-failure(?::(\d+))?$/.exec(restart ?? 'on-failure');
  if (match === null) return refuse(['restart'], restart ?? '');
  return { condition: 'on-failure', maxAttempts: Number(match[1] ?? 0), ...common };
}
