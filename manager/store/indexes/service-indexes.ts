import { podLinksOf } from '../../common/model/pod.js';
import type { Service } from '../../common/model/service.js';
import { KeyedIndex } from './keyed-index.js';

/** The only key of the index of global services. */
export const globalKey = 'global';

export function serviceKeyOf(project: string, service: string): string {
  return `${project}/${service}`;
}

/** The name that the spec gives the container. */
function containerNameOf({ spec }: Service): readonly string[] {
  const { containerName } = spec.task.container;
  return containerName === undefined ? [] : [containerName];
}

/** `project/service` of each service that this one waits for or shares with. */
function dependenciesOf({ spec }: Service): readonly string[] {
  const links = podLinksOf(spec.task.container);
  const names = new Set([...spec.dependsOn, ...links].map(({ service }) => service));
  return [...names].map((name) => serviceKeyOf(spec.project, name));
}

/** Names of the networks on which a service has a fixed address. */
function fixedNetworksOf({ spec }: Service): readonly string[] {
  const fixed = spec.task.networks.filter(({ ipv4Address }) => ipv4Address !== undefined);
  return [...new Set(fixed.map(({ network }) => network))];
}

/** Indexes of the services: a change of one object finds the services that it concerns. */
export class ServiceIndexes {
  readonly byProject: KeyedIndex<Service>;
  readonly byContainerName: KeyedIndex<Service>;
  readonly dependents: KeyedIndex<Service>;
  readonly global: KeyedIndex<Service>;
  /** By name of each network on which they have a fixed address. */
  readonly fixedAddresses: KeyedIndex<Service>;
  readonly #all: readonly KeyedIndex<Service>[];

  /** `get` returns the present service of an id. */
  constructor(get: (id: string) => Service | undefined) {
    const by = (keysOf: (service: Service) => readonly string[]): KeyedIndex<Service> =>
      new KeyedIndex(keysOf, get);
    this.byProject = by(({ spec }) => [spec.project]);
    this.byContainerName = by(containerNameOf);
    this.dependents = by(dependenciesOf);
    this.global = by(({ spec }) => (spec.mode.kind === 'global' ? [globalKey] : []));
    this.fixedAddresses = by(fixedNetworksOf);
    this.#all = [
      this.byProject,
      this.byContainerName,
      this.dependents,
      this.global,
      this.fixedAddresses,
    ];
  }

  change(before: Service | undefined, after: Service | undefined): void {
    for (const index of this.#all) index.change(before, after);
  }
}
