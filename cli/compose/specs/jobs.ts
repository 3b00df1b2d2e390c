import type { RestartPolicy } from '../../../manager/common/model/service.js';
import type { Project, Service } from '../model.js';
import { refusal } from './refuse.js';
import { toMs } from './units.js';

/** A service whose tasks run to their end. */
export function isJob(service: Service): boolean {
  return service.deploy?.mode?.endsWith('-job') === true;
}

const defaultDelayMs = 5_000;

/** A job that fails is tried again until it has ended well, unless the file says otherwise. */
export function jobPolicy(project: Project, name: string, service: Service): RestartPolicy {
  const refuse = (path: readonly string[], what: string): never => {
    throw refusal(
      project,
      ['services', name, ...path],
      `${what} would start a job again that has ended well, use on-failure or none`,
    );
  };
  const policy = service.deploy?.restart_policy;
  if (policy === undefined) return engineWords(service.restart, refuse);
  if (policy.condition === 'any') refuse(['deploy', 'restart_policy', 'condition'], 'any');
  return {
    condition: policy.condition === 'none' ? 'none' : 'on-failure',
    delayMs: toMs(policy.delay) ?? defaultDelayMs,
    maxAttempts: policy.max_attempts ?? 0,
    windowMs: toMs(policy.window) ?? 0,
  };
}

/** `restart:` said of a job: the cluster does what the engine would. */
function engineWords(
  restart: string | undefined,
  refuse: (path: readonly string[], what: string) => never,
): RestartPolicy {
  const common = { delayMs: defaultDelayMs, windowMs: 0 };
  if (restart === 'no') return { condition: 'none', maxAttempts: 0, ...common };
  const match = /^on-failure(?::(\d+))?$/.exec(restart ?? 'on-failure');
  if (match === null) return refuse(['restart'], restart ?? '');
  return { condition: 'on-failure', maxAttempts: Number(match[1] ?? 0), ...common };
}
