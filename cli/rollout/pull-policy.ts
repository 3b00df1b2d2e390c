import { AppError } from '../../manager/common/base/errors.js';
import type { Node } from '../../manager/common/model/node.js';
import { imageOf } from '../build/request.js';
import { parseDuration } from '../compose/decode/duration.js';
import type { Project, Service } from '../compose/model.js';
import { nodeFits } from './node-fit.js';

/** When an image is pulled onto a node. */
export type PullWhen =
  | { readonly kind: 'always' }
  | { readonly kind: 'missing' }
  /** When the node's engine tagged it longer ago than that. */
  | { readonly kind: 'older'; readonly thanMs: number }
  | { readonly kind: 'never' }
  | { readonly kind: 'build' };

const dayMs = 86_400_000;

/** What a service's `pull_policy` says; undefined when it says nothing. `flag` is the command line's word. */
export function pullWhen(service: Service, flag?: string): PullWhen | undefined {
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
  const nanoseconds = parseDuration(text);
  if (nanoseconds === undefined) throw new AppError('invalid', `"${text}" is not a duration`);
  return Number(nanoseconds / 1_000_000n);
}

/** An image as a node has it. */
export interface Present {
  readonly taggedAt?: number;
}

/** Whether a node is to pull, given what it has. */
export function isDue(when: PullWhen, present: Present | undefined, now: number): boolean {
  if (when.kind === 'always') return true;
  if (when.kind === 'missing') return present === undefined;
  if (when.kind !== 'older') return false;
  return present === undefined || now - (present.taggedAt ?? 0) >= when.thanMs;
}

export interface WantedImage {
  readonly image: string;
  readonly platform: string | undefined;
  /** A failure is no matter: it can be built. */
  readonly buildable: boolean;
  readonly when: PullWhen;
  /** Of every service that wants it: placement constraints, one list each. */
  readonly constraints: readonly (readonly string[])[];
}

/**
 * The images of these services, each once; those that only a build gives are left out. `decide` says when
 * one is pulled, undefined leaves it out.
 */
export function wantedImages(
  project: Project,
  keys: readonly string[],
  decide: (service: Service) => PullWhen | undefined,
): readonly WantedImage[] {
  const found = new Map<string, WantedImage>();
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
    found.set(id, other === undefined ? wanted : both(other, wanted));
  }
  return [...found.values()];
}

function both(a: WantedImage, b: WantedImage): WantedImage {
  return {
    ...a,
    buildable: a.buildable && b.buildable,
    when: a.when.kind === 'always' ? a.when : b.when,
    constraints: [...a.constraints, ...b.constraints],
  };
}

/** Nodes that may come to run one of the services that want the image, by name. */
export function eligibleNodes(
  nodes: readonly Node[],
  { platform, constraints: lists }: Pick<WantedImage, 'platform' | 'constraints'>,
): readonly Node[] {
  return nodes
    .filter((node) => lists.some((constraints) => nodeFits(node, { platform, constraints })))
    .sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
}
