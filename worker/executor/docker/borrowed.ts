import type { ContainerSpec } from '../../../manager/common/model/container.js';
import type { Json, JsonObject } from '../../../manager/common/model/meta.js';

/** The part of `GET /containers/{id}/json` about mounts. */
export interface InspectedMounts {
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
    readonly RW: boolean;
    readonly Propagation?: string;
  }[];
  readonly HostConfig: { readonly Mounts?: readonly JsonObject[] | null };
}

export interface Lender {
  readonly inspected: InspectedMounts;
  readonly readOnly: boolean;
}

export interface Borrowed {
  /** Entries of `HostConfig.Mounts`. */
  readonly mounts: readonly JsonObject[];
  /** Volumes without a name of their own: they go with the last container that has them. */
  readonly anonymous: readonly string[];
}

const anonymousName = /^[0-9a-f]{64}$/u;

/**
 * The mounts of other containers, as `volumes_from` has them: volumes, folders of the host and memory, but
 * for what the container has at the same place itself. Left out is what lies in `ours`: resolver, secrets
 * and configs of the other. The engine's own `VolumesFrom` would hand these on, and fails for memory.
 */
export function borrow(
  spec: Pick<ContainerSpec, 'mounts' | 'files'>,
  lenders: readonly Lender[],
  ours: readonly string[],
): Borrowed {
  const taken = new Set([...spec.mounts, ...spec.files].map(({ target }) => target));
  const mounts: JsonObject[] = [];
  const anonymous: string[] = [];
  for (const { inspected, readOnly } of lenders) {
    for (const mount of inspected.Mounts) {
      const isOurs = ours.some((folder) => mount.Source.startsWith(`${folder}/`));
      if (isOurs || taken.has(mount.Destination)) continue;
      taken.add(mount.Destination);
      mounts.push(toMount(mount, inspected, readOnly || !mount.RW));
      if (mount.Type === 'volume' && anonymousName.test(mount.Name ?? '')) {
        anonymous.push(mount.Name ?? '');
      }
    }
  }
  return { mounts, anonymous };
}

function toMount(
  mount: InspectedMounts['Mounts'][number],
  { HostConfig: { Mounts: asked } }: InspectedMounts,
  readOnly: boolean,
): JsonObject {
  const same = asked?.find(({ Target }) => Target === mount.Destination);
  const common = { Type: mount.Type, Target: mount.Destination, ReadOnly: readOnly };
  if (mount.Type === 'volume') return { ...common, Source: mount.Name ?? '' };
  if (mount.Type === 'bind') {
    const propagation = mount.Propagation ?? '';
    const options: Record<string, Json> =
      propagation === '' ? {} : { BindOptions: { Propagation: propagation } };
    return { ...common, Source: mount.Source, ...options };
  }
  return same === undefined ? common : { ...same, ReadOnly: readOnly };
}
