import {
  array,
  boolean,
  object,
  optionalOrNull,
  orElse,
  string,
} from '../../../../manager/common/base/decode.js';
import type { ContainerSpec } from '../../../../manager/common/model/container.js';
import type { Json, JsonObject } from '../../../../manager/common/model/meta.js';
import { jsonObject } from '../../../../manager/common/protocol/spec-decoders.js';
import { isAnonymous, targetPath } from './anonymous-volumes.js';

/** The mount fields of `GET /containers/{id}/json`. */
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

export const inspectedMounts = object<InspectedMounts>({
  Mounts: orElse(
    array(
      object<InspectedMounts['Mounts'][number]>({
        Type: string,
        Name: optionalOrNull(string),
        Source: orElse(string, ''),
        Destination: string,
        RW: boolean,
        Propagation: optionalOrNull(string),
      }),
    ),
    [],
  ),
  HostConfig: object<InspectedMounts['HostConfig']>({ Mounts: optionalOrNull(array(jsonObject)) }),
});

export interface VolumesFromSource {
  readonly inspected: InspectedMounts;
  readonly readOnly: boolean;
}

export interface InheritedMounts {
  /** Paths of all mounts, and of those that are anonymous volumes. */
  readonly targets: readonly string[];
  readonly anonymousTargets: readonly string[];
  /** Entries for `HostConfig.Mounts`. */
  readonly mounts: readonly JsonObject[];
  /** Anonymous volumes; they are removed with the last container that uses them. */
  readonly anonymous: readonly string[];
}

/**
 * Resolves `volumes_from`: copies volumes, binds and tmpfs mounts of other containers, except
 * targets the container mounts itself. Sources below the folders in `ours` (resolv.conf, secrets
 * and configs of the other task) are skipped. The engine's own `VolumesFrom` would include these,
 * and fails for tmpfs.
 */
export function inheritMounts(
  spec: Pick<ContainerSpec, 'mounts' | 'files'>,
  lenders: readonly VolumesFromSource[],
  ours: readonly string[],
): InheritedMounts {
  const taken = new Set([...spec.mounts, ...spec.files].map(({ target }) => targetPath(target)));
  const mounts: JsonObject[] = [];
  const anonymous: string[] = [];
  const targets: string[] = [];
  const anonymousTargets: string[] = [];
  for (const { inspected, readOnly } of lenders) {
    for (const mount of inspected.Mounts) {
      const isOurs = ours.some((folder) => mount.Source.startsWith(`${folder}/`));
      if (isOurs || taken.has(mount.Destination)) continue;
      taken.add(mount.Destination);
      targets.push(mount.Destination);
      mounts.push(toMount(mount, inspected, readOnly || !mount.RW));
      if (mount.Type === 'volume' && isAnonymous(mount.Name ?? '')) {
        anonymous.push(mount.Name ?? '');
        anonymousTargets.push(mount.Destination);
      }
    }
  }
  return { mounts, targets, anonymous, anonymousTargets };
}

function toMount(
  mount: InspectedMounts['Mounts'][number],
  { HostConfig: { Mounts: requested } }: InspectedMounts,
  readOnly: boolean,
): JsonObject {
  const requestedMount = requested?.find(({ Target }) => Target === mount.Destination);
  const common = { Type: mount.Type, Target: mount.Destination, ReadOnly: readOnly };
  if (mount.Type === 'volume') return { ...common, Source: mount.Name ?? '' };
  if (mount.Type === 'bind') {
    const propagation = mount.Propagation ?? '';
    const options: Record<string, Json> =
      propagation === '' ? {} : { BindOptions: { Propagation: propagation } };
    return { ...common, Source: mount.Source, ...options };
  }
  return requestedMount === undefined ? common : { ...requestedMount, ReadOnly: readOnly };
}
