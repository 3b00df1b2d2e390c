import { AppError } from '../../manager/common/base/errors.js';
import type { Node } from '../../manager/common/model/node.js';
import { imageOf } from '../compose/specs/names.js';
import { parseComposeDuration } from '../compose/decode/duration.js';
import type { Project, ComposeService } from '../compose/model.js';
import { nodeFits } from './node-fit.js';

/** Condition for pulling an image onto a node. */
export type PullCondition =
  | { readonly kind: 'always' }
  | { readonly kind: 'missing' }
  /** Pull if the node's engine tagged the image more than `thanMs` ago. */
  | { readonly kind: 'older'; readonly thanMs: number }
  | { readonly kind: 'never' }
  | { readonly kind: 'build' };

const dayMs = 86_400_000;

/**
 * Pull condition of a service from its `pull_policy`, or from `flag` of the command line, which
 * takes precedence unless it is `policy`. Undefined if neither is set.
 */
export function pullConditionOf(service: ComposeService, flag?: string): PullCondition | undefined {
  const policy = flag === undefined || flag === 'policy' ? service.pull_policy : flag;
  switch (policy) {
    case undefined:
      return undefined;
    case 'always':
    case 'missing':
    case 'never':
    case 'build':
      return { kind: policy };
    case 'if_not_present':
      return { kind: 'missing' };
    case 'daily':
      return { kind: 'older', thanMs: dayMs };
    case 'weekly':
      return { kind: 'older', thanMs: 7 * dayMs };
    case 'refresh':
      return { kind: 'older', thanMs: durationMs(service.pull_refresh_after ?? '0') };
    default:
      return { kind: 'older', thanMs: durationMs(policy.replace(/^every_/u, '')) };
  }
}

function durationMs(text: string): number {
  const nanoseconds = parseComposeDuration(text);
  if (nanoseconds === undefined)
    throw new AppError(
      'invalid',
      `invalid pull policy duration "${text}": use a duration like 12h`,
    );
  return Number(nanoseconds / 1_000_000n);
}

/** An image that is present on a node. */
export interface PresentImage {
  readonly taggedAt?: number;
}

/** Whether a node must pull, given the image it has; `now` in ms since the epoch. */
export function isPullDue(
  when: PullCondition,
  present: PresentImage | undefined,
  now: number,
): boolean {
  if (when.kind === 'always') return true;
  if (when.kind === 'missing') return present === undefined;
  if (when.kind !== 'older') return false;
  return present === undefined || now - (present.taggedAt ?? 0) >= when.thanMs;
}

export interface ImageToPull {
  readonly image: string;
  readonly platform: string | undefined;
  /** True if the image can also be built: a failed pull is then only a warning. */
  readonly buildable: boolean;
  readonly when: PullCondition;
  /** Placement constraints, one list per service that uses the image. */
  readonly constraints: readonly (readonly string[])[];
}

/**
 * The images of the services, without duplicates and without services that have only `build:`.
 * `decide` returns the pull condition; undefined skips the image. Throws `not-found` for an unknown
 * service.
 */
export function imagesToPull(
  project: Project,
  keys: readonly string[],
  decide: (service: ComposeService) => PullCondition | undefined,
): readonly ImageToPull[] {
  const found = new Map<string, ImageToPull>();
  for (const key of keys) {
    const service = project.services[key];
    if (service === undefined) throw new AppError('not-found', `no such service: ${key}`);
    const when = service.image === undefined ? undefined : decide(service);
    if (when === undefined) continue;
    const wanted = {
      image: imageOf(project, key, service),
      platform: service.platform,
      buildable: service.build !== undefined,
      when,
      constraints: [service.deploy?.placement.constraints ?? []],
    };
    const id = `${wanted.image} ${wanted.platform ?? ''}`;
    const other = found.get(id);
    found.set(id, other === undefined ? wanted : merge(other, wanted));
  }
  return [...found.values()];
}

function merge(a: ImageToPull, b: ImageToPull): ImageToPull {
  return {
    ...a,
    buildable: a.buildable && b.buildable,
    when: a.when.kind === 'always' ? a.when : b.when,
    constraints: [...a.constraints, ...b.constraints],
  };
}

/** Nodes that may run one of the services that use the image, sorted by name. */
export function eligibleNodes(
  nodes: readonly Node[],
  { platform, constraints: lists }: Pick<ImageToPull, 'platform' | 'constraints'>,
): readonly Node[] {
  return nodes
    .filter((node) => lists.some((constraints) => nodeFits(node, { platform, constraints })))
    .sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
}
