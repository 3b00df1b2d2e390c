import type { ProjectApply } from '../../../manager/common/protocol/project-calls.js';

/** The arguments of `project.apply` for the project `demo`, which knows its own services only. */
export function anApply(changes: Partial<ProjectApply> = {}): ProjectApply {
  const services = changes.services ?? [];
  return {
    project: 'demo',
    services,
    networks: [],
    volumes: [],
    secrets: [],
    configs: [],
    externalNetworks: [],
    externalVolumes: [],
    known: services.map((spec) => spec.service),
    removeOrphans: false,
    forceRecreate: [],
    renewVolumes: [],
    keepReplicas: [],
    dryRun: false,
    ...changes,
  };
}
