import type { ProjectSpecs } from '../../manager/common/protocol/project-calls.js';
import { dependencyOrder } from './order.js';
import type { Project } from './model.js';
import { toDataInputs, type Contents } from './specs/files.js';
import { toNetworkSpecs, toVolumeSpecs } from './specs/networks.js';
import { toServiceSpec } from './specs/service.js';

/**
 * Translates a loaded project. Every key is honoured, passed to the engine, or refused with a
 * ComposeError at its place (see fixtures/compose-keys/keys.ts). `contents` holds secrets and configs, from
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
