import { podLinksOf } from '../../common/model/pod.js';
import type { Service } from '../../common/model/service.js';
import { KeyedIndex } from './keyed-index.js';

/** The only key of the index of global services. */
export const globalKey = 'global';

export function serviceKeyOf(project: string, service: string): string {
  return `${project}/${service}`;
}

/** Indexes of the services: a change of one object finds the services that it concerns. */
export class ServiceIndexes {
  readonly byProject = new KeyedIndex<Service>((service) => [service.spec.project]);
  readonly byContainerName = new KeyedIndex<Service>(({ spec }) => {
    const { containerName } = spec.task.container;
    return containerName === undefined ? [] : [containerName];
  });
  /** By `project/service` of each service that they wait for or share with. */
  readonly dependents = new KeyedIndex<Service>(({ spec }) => {
    const links = podLinksOf(spec.task.container);
    const names = new Set([...spec.dependsOn, ...links].map(({ service }) => service));
    return [...names].map((name) => serviceKeyOf(spec.project, name));
  });
  readonly global = new KeyedIndex<Service>(({ spec }) =>
    spec.mode.kind === 'global' ? [globalKey] : [],
  );
  /** By name of each network on which they have a fixed address. */
  readonly fixedAddresses = new KeyedIndex<Service>(({ spec }) => {
    const fixed = spec.task.networks.filter(({ ipv4Address }) => ipv4Address !== undefined);
    return [...new Set(fixed.map(({ network }) => network))];
  });

  change(before: Service | undefined, after: Service | undefined): void {
    this.byProject.change(before, after);
    this.byContainerName.change(before, after);
    this.dependents.change(before, after);
    this.global.change(before, after);
    this.fixedAddresses.change(before, after);
  }
}
