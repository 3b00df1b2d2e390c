import type { ProjectNames } from '../../common/model/network-view.js';
import type { Service } from '../../common/model/service.js';

/** Names of a project's services for DNS, in the order of the services. */
export function namesOfProject(project: string, services: readonly Service[]): ProjectNames {
  return {
    project,
    services: services.map(({ spec }) => ({
      name: spec.name,
      aliases: [...new Set(spec.task.networks.flatMap(({ aliases }) => aliases))],
    })),
  };
}

/** True if a change of a service leaves its names as they are. */
export function haveSameNames(before: Service | undefined, after: Service | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  if (before.spec.task.networks === after.spec.task.networks) return true;
  const [old, current] = [before, after].map((service) => namesOfProject('', [service]));
  return JSON.stringify(old) === JSON.stringify(current);
}
