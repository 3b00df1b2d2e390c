import type { Dependency, Service } from '../../../manager/common/model/service.js';
import type { WatchedState } from '../../client/watched.js';
import { isNodeDown, slotsOf } from './slots.js';

/** Error message if a failed dependency keeps the service from starting; undefined otherwise. */
export function failedDependency(service: Service, state: WatchedState): string | undefined {
  if (service.dependenciesMet) return undefined;
  for (const dependency of service.spec.dependsOn) {
    if (!dependency.required) continue;
    const other = [...state.services.values()].find(
      ({ spec }) => spec.project === service.spec.project && spec.service === dependency.service,
    );
    const reason = other === undefined ? undefined : dependencyFailure(dependency, other, state);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function dependencyFailure(
  dependency: Dependency,
  service: Service,
  state: WatchedState,
): string | undefined {
  const tasks = slotsOf(service, state)
    .flatMap(({ current }) => current ?? [])
    .filter(({ taskHash }) => taskHash === service.taskHash);
  const up = tasks.filter((task) => !isNodeDown(state.nodes.get(task.nodeId ?? '')));
  if (dependency.condition === 'service_healthy') {
    const sick = up.find(({ status }) => status.health === 'unhealthy');
    if (sick === undefined || up.some(({ status }) => status.health !== 'unhealthy')) {
      return undefined;
    }
    return `dependency failed to start: container ${sick.containerName} is unhealthy`;
  }
  if (dependency.condition === 'service_completed_successfully') {
    const failed = up.find(({ status }) => status.state === 'failed' && (status.exitCode ?? 0) > 0);
    if (failed === undefined || failed.spec.restart !== undefined) return undefined;
    return `service "${dependency.service}" didn't complete successfully: exit ${failed.status.exitCode ?? 1}`;
  }
  return undefined;
}
