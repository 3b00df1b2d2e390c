import { AppError } from '../../manager/base/errors.js';
import type { ServiceSpec } from '../../manager/model/service.js';
import type { ProjectApply } from '../../manager/protocol/control.js';
import { readContents } from '../compose/load.js';
import type { Project } from '../compose/model.js';
import { toSpecs } from '../compose/to-specs.js';
import type { UpFlags, UpOptions } from './up-flags.js';

export interface ApplyInput {
  readonly project: Project;
  /** Services named on the command line. */
  readonly named: readonly string[];
  readonly flags: Pick<UpFlags, 'deps' | 'dryRun' | 'forceRecreate' | 'removeOrphans'>;
  readonly options: Pick<UpOptions, 'graceMs' | 'mode' | 'replicas'>;
}

/** What `up` sends: the file's specs with the command line's wishes put over them. */
export function toApply(input: ApplyInput): ProjectApply {
  const { project, named, flags, options } = input;
  const { services, ...specs } = toSpecs(project, readContents(project));
  const wanted = services
    .filter(({ service }) => flags.deps || named.length === 0 || named.includes(service))
    .map((spec) => adjusted(spec, input));
  return {
    ...specs,
    services: wanted,
    removeOrphans: flags.removeOrphans === true,
    forceRecreate: flags.forceRecreate === true ? wanted.map(({ service }) => service) : [],
    keepReplicas: wanted
      .map(({ service }) => service)
      .filter((key) => options.replicas[key] === undefined && !saysReplicas(project, key)),
    dryRun: flags.dryRun === true,
    ...(options.graceMs === undefined ? {} : { timeoutMs: options.graceMs }),
  };
}

function saysReplicas(project: Project, key: string): boolean {
  const service = project.services[key];
  return service?.scale !== undefined || service?.deploy?.replicas !== undefined;
}

function adjusted(spec: ServiceSpec, { flags, options }: ApplyInput): ServiceSpec {
  return {
    ...spec,
    mode: modeOf(spec, options.replicas[spec.service]),
    // Without its dependencies a service must not wait for them.
    dependsOn: flags.deps ? spec.dependsOn : [],
    ...(options.mode === 'created' ? { held: true } : {}),
  };
}

function modeOf(spec: ServiceSpec, replicas: number | undefined): ServiceSpec['mode'] {
  if (replicas === undefined) return spec.mode;
  if (spec.mode.kind !== 'replicated') {
    throw new AppError('invalid', `service ${spec.service} is global: it cannot be scaled`);
  }
  if (replicas > 1 && spec.task.container.containerName !== undefined) {
    throw new AppError(
      'invalid',
      `service ${spec.service} has container_name: it cannot have ${replicas} replicas`,
    );
  }
  return { ...spec.mode, replicas };
}
