import type { NodeImage } from '../../../../manager/common/protocol/worker-calls.js';
import type { ContainerSpec } from '../../../../manager/common/model/container.js';
import type { InspectedImage } from './image-answers.js';

/** An image that the engine has. */
export interface LocalImage {
  readonly id: string;
  /** The reference that it was found by; a container created from it gets the same content. */
  readonly reference: string;
  /** True if a registry has it, so that moving its name loses nothing. */
  readonly isPublished: boolean;
  /** True if the image defines a health check. */
  readonly hasHealthcheck: boolean;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `USER` of the image; empty means root. */
  readonly user?: string;
  /** Paths of the image's `VOLUME` instructions. */
  readonly volumes: readonly string[];
}

export function toLocalImage(reference: string, seen: InspectedImage): LocalImage {
  const test = seen.Config.Healthcheck?.Test;
  return {
    id: seen.Id,
    reference,
    isPublished: seen.RepoDigests.length > 0,
    hasHealthcheck: test !== undefined && test[0] !== 'NONE',
    entrypoint: seen.Config.Entrypoint,
    command: seen.Config.Cmd,
    user: seen.Config.User,
    volumes: Object.keys(seen.Config.Volumes),
  };
}

/** The image as a node describes it to its manager. */
export function toNodeImage(seen: InspectedImage): NodeImage {
  return {
    id: seen.Id,
    platform: [seen.Os, seen.Architecture, seen.Variant].filter((part) => part !== '').join('/'),
    sizeBytes: seen.Size,
    createdAt: Math.max(0, Date.parse(seen.Created)) || 0,
    ...taggedAt(seen),
    layers: seen.RootFS.Layers,
  };
}

/** Last tag time; the engine reports year 1 for an image never tagged locally. */
function taggedAt({ Metadata }: InspectedImage): { readonly taggedAt?: number } {
  const at = Date.parse(Metadata?.LastTagTime ?? '');
  return at > 0 ? { taggedAt: at } : {};
}

/**
 * Command line of process 1. As in the engine, an entrypoint in the spec discards the image's
 * command.
 */
export function effectiveCommand(spec: ContainerSpec, image: LocalImage): readonly string[] {
  const command = spec.command ?? (spec.entrypoint === undefined ? image.command : []);
  return [...(spec.entrypoint ?? image.entrypoint), ...command];
}
