import { AppError } from '../../manager/common/base/errors.js';
import type { ServiceSpec } from '../../manager/common/model/service.js';
import type { ProjectApply } from '../../manager/common/protocol/project-calls.js';
import { readContents } from '../compose/load/load.js';
import type { Project } from '../compose/model.js';
import { podMembersOf } from '../compose/specs/pods.js';
import { toSpecs } from '../compose/to-specs.js';
import type { UpFlags, UpOptions } from './up-flags.js';

export interface ApplyInput {
  readonly project: Project;
  /** Services named on the command line. */
  readonly named: readonly string[];
  readonly flags: Pick<
    UpFlags,
    | 'alwaysRecreateDeps'
    | 'deps'
    | 'dryRun'
    | 'forceRecreate'
    | 'removeOrphans'
    | 'renewAnonVolumes'
  >;
  readonly options: Pick<UpOptions, 'graceMs' | 'mode' | 'replicas'>;
}

/** Builds the request of `up`: the specs from the files with the command line's overrides. */
export function buildApplyRequest(input: ApplyInput): ProjectApply {
  const { project, named, flags, options } = input;
  const { services, ...specs } = toSpecs(project, readContents(project));
  const wanted = services
    .filter(({ service }) => flags.deps || isNamed(service, named))
    .map((spec) => withOverrides(spec, input));
  const keys = wanted.map(({ service }) => service);
  return {
    ...specs,
    services: wanted,
    removeOrphans: flags.removeOrphans === true,
    forceRecreate: keys.filter((key) => isForced(input, key)),
    renewVolumes: keys.filter((key) => flags.renewAnonVolumes === true && isNamed(key, named)),
    keepReplicas: keys.filter(
      (key) => !podMembersOf(project, key).some((member) => hasReplicaCount(input, member)),
    ),
    dryRun: flags.dryRun === true,
    ...(options.graceMs === undefined ? {} : { timeoutMs: options.graceMs }),
  };
}

/** Whether the flags recreate a service, or the dependency of one, even if it is unchanged. */
function isForced({ flags, named }: ApplyInput, key: string): boolean {
  return (isNamed(key, named) ? flags.forceRecreate : flags.alwaysRecreateDeps) === true;
}

function isNamed(service: string, named: readonly string[]): boolean {
  return named.length === 0 || named.includes(service);
}

/** Whether the file or the command line sets the number of replicas. */
function hasReplicaCount({ project, options }: ApplyInput, key: string): boolean {
  const service = project.services[key];
  const count = service?.scale ?? service?.deploy?.replicas ?? options.replicas[key];
  return count !== undefined;
}

/** Value of `--scale` for a service, or for a service of the same pod. */
function scaleOf({ project, options }: ApplyInput, key: string): number | undefined {
  if (options.replicas[key] !== undefined) return options.replicas[key];
  const member = podMembersOf(project, key).find((each) => options.replicas[each] !== undefined);
  return member === undefined ? undefined : options.replicas[member];
}

function withOverrides(spec: ServiceSpec, input: ApplyInput): ServiceSpec {
  const { flags, options } = input;
  return {
    ...spec,
    mode: modeOf(spec, scaleOf(input, spec.service)),
    // With --no-deps a service must not wait for dependencies.
    dependsOn: flags.deps ? spec.dependsOn : [],
    ...(options.mode === 'created' ? { held: true } : {}),
  };
}

function modeOf(spec: ServiceSpec, replicas: number | undefined): ServiceSpec['mode'] {
  if (replicas === undefined) return spec.mode;
  if (spec.mode.kind !== 'replicated') {
    throw new AppError('invalid', `service ${spec.service}: cannot be scaled, its mode is global`);
  }
  if (replicas > 1 && spec.task.container.containerName !== undefined) {
    throw new AppError(
      'invalid',
      `service ${spec.service}: cannot have ${replicas} replicas with container_name; remove container_name`,
    );
  }
  return { ...spec.mode, replicas };
}
