import type { NetworkSpec, VolumeSpec } from '../../manager/common/model/network.js';
import type { ServiceSpec } from '../../manager/common/model/service.js';
import type { DataInput } from '../../manager/common/protocol/control.js';
import { dependencyOrder } from './order.js';
import type { Project } from './model.js';
import { toDataInputs, type Contents } from './specs/files.js';
import { toNetworkSpecs, toVolumeSpecs } from './specs/networks.js';
import { toServiceSpec } from './specs/service.js';

/** A project as specs of the cluster: the content of `project.apply` without the flags of `up`. */
export interface ProjectSpecs {
  readonly project: string;
  /** Sorted so that each service follows its dependencies. */
  readonly services: readonly ServiceSpec[];
  readonly networks: readonly NetworkSpec[];
  readonly volumes: readonly VolumeSpec[];
  readonly secrets: readonly DataInput[];
  readonly configs: readonly DataInput[];
  /** Names of networks that must already exist. */
  readonly externalNetworks: readonly string[];
  readonly externalVolumes: readonly string[];
  /** All services of the files, inactive profiles included: none of them is an orphan. */
  readonly known: readonly string[];
}

/**
 * Translates a loaded project. Every key is honoured, passed to the engine, or refused with a
 * ComposeError at its place (see specs/keys.ts). `contents` holds secrets and configs, from
 * `readContents` of load.ts.
 */
export function toSpecs(project: Project, contents: Contents): ProjectSpecs {
  const external = (
    resources: Readonly<Record<string, { name: string; external?: boolean }>>,
  ): string[] =>
    Object.values(resources).flatMap((resource) =>
      resource.external === true ? [resource.name] : [],
    );
  return {
    project: project.name,
    services: dependencyOrder(project.services).flatMap((name) => {
      const service = project.services[name];
      return service === undefined ? [] : [toServiceSpec(project, name, service, contents)];
    }),
    networks: toNetworkSpecs(project),
    volumes: toVolumeSpecs(project),
    secrets: toDataInputs(project, 'secrets', contents),
    configs: toDataInputs(project, 'configs', contents),
    externalNetworks: external(project.networks),
    externalVolumes: external(project.volumes),
    known: [...Object.keys(project.services), ...Object.keys(project.disabledServices)].sort(),
  };
}
