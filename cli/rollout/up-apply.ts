import { AppError } from '../../manager/common/base/errors.js';
import type { ServiceSpec } from '../../manager/common/model/service.js';
import type { ProjectApply } from '../../manager/common/protocol/control.js';
import { readContents } from '../compose/load/load.js';
import type { Project } from '../compose/model.js';
import { podOfService } from '../compose/specs/pods.js';
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
      .filter((key) => !podOfService(project, key).some((member) => isCounted(input, member))),
    dryRun: flags.dryRun === true,
    ...(options.graceMs === undefined ? {} : { timeoutMs: options.graceMs }),
  };
}

/** Whether the file or the command line says how many replicas a service has. */
function isCounted({ project, options }: ApplyInput, key: string): boolean {
  const service = project.services[key];
  const said = service?.scale ?? service?.deploy?.replicas ?? options.replicas[key];
  return said !== undefined;
}

/** What `--scale` says of a service, or of one that it shares things with. */
function scaleOf({ project, options }: ApplyInput, key: string): number | undefined {
  if (options.replicas[key] !== undefined) return options.replicas[key];
  const member = podOfService(project, key).find((each) => options.replicas[each] !== undefined);
  return member === undefined ? undefined : options.replicas[member];
}

function adjusted(spec: ServiceSpec, input: ApplyInput): ServiceSpec {
  const { flags, options } = input;
  return {
    ...spec,
    mode: modeOf(spec, scaleOf(input, spec.service)),
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
