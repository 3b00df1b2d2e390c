import {
  array,
  boolean,
  decodeJson,
  dictionary,
  object,
  optionalOrNull,
  orElse,
  string,
} from '../../../../manager/common/base/decode.js';
import { isInvalid } from '../../../../manager/common/base/errors.js';
import type { MountSpec } from '../../../../manager/common/model/container.js';
import type { JsonObject } from '../../../../manager/common/model/meta.js';
import { decoded, type EngineClient } from '../client.js';
import type { HostMount, MountingContainer } from './confined-binds.js';

/** Label of a container with the sources that no other container may redirect, as JSON. */
export const confinedLabel = 'io.shoal.confined-binds';

interface ListedMount {
  readonly Type: string;
  readonly Name?: string;
  readonly Source: string;
  readonly RW: boolean;
}

interface ListedContainer {
  readonly Names: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly Mounts: readonly ListedMount[];
}

interface ListedVolume {
  readonly Name: string;
  readonly Options: Readonly<Record<string, string>>;
}

const listedMount = object<ListedMount>({
  Type: string,
  Name: optionalOrNull(string),
  Source: orElse(string, ''),
  RW: boolean,
});

const listedContainers = array(
  object<ListedContainer>({
    Names: orElse(array(string), []),
    Labels: orElse(dictionary(string), {}),
    Mounts: orElse(array(listedMount), []),
  }),
);

const listedVolume = object<ListedVolume>({
  Name: string,
  Options: orElse(dictionary(string), {}),
});

const listedVolumes = object<{ readonly Volumes: readonly ListedVolume[] }>({
  Volumes: orElse(array(listedVolume), []),
});

/** Folders of the machine that volumes bind, by the volume's name. */
export type VolumeDevices = ReadonlyMap<string, string>;

export async function listVolumeDevices(
  client: EngineClient,
  signal: AbortSignal,
): Promise<VolumeDevices> {
  const { Volumes } = await client.call(
    'list volumes',
    decoded(listedVolumes, (docker, abortSignal) => docker.listVolumes({ abortSignal })),
    signal,
  );
  const devices = Volumes.flatMap(({ Name, Options }) =>
    Options.device?.startsWith('/') === true ? [[Name, Options.device] as const] : [],
  );
  return new Map(devices);
}

/** All containers of the engine, also stopped ones and those of other tools. */
export async function listMountingContainers(
  client: EngineClient,
  devices: VolumeDevices,
  signal: AbortSignal,
): Promise<readonly MountingContainer[]> {
  const found = await client.call(
    'list containers',
    decoded(listedContainers, (docker, abortSignal) =>
      docker.listContainers({ all: true, abortSignal }),
    ),
    signal,
  );
  return found.map(({ Names, Labels, Mounts }) => ({
    name: (Names[0] ?? '').replace(/^\//u, ''),
    mounts: Mounts.flatMap(({ Type, Name, Source, RW }) => {
      const source = Type === 'bind' ? Source : devices.get(Name ?? '');
      return source === undefined || source === '' ? [] : [{ source, readOnly: !RW }];
    }),
    confined: confinedOf(Labels[confinedLabel]),
  }));
}

function confinedOf(label: string | undefined): readonly string[] {
  if (label === undefined) return [];
  try {
    return decodeJson(label, array(string), confinedLabel);
  } catch (error) {
    // Only the worker writes the label; another text confines nothing.
    if (isInvalid(error)) return [];
    throw error;
  }
}

/** Folders of the machine that the mounts of a spec and inherited mounts lead to. */
export function hostMountsOf(
  mounts: readonly MountSpec[],
  inherited: readonly JsonObject[],
  devices: VolumeDevices,
): readonly HostMount[] {
  const own = mounts.map((mount) => ({
    type: mount.type,
    source: 'source' in mount ? mount.source : undefined,
    readOnly: 'readOnly' in mount && mount.readOnly,
  }));
  const borrowed = inherited.map(({ Type, Source, ReadOnly }) => ({
    type: Type,
    source: typeof Source === 'string' ? Source : undefined,
    readOnly: ReadOnly === true,
  }));
  return [...own, ...borrowed].flatMap(({ type, source = '', readOnly }) => {
    const folder = type === 'bind' ? source : type === 'volume' ? devices.get(source) : undefined;
    return folder === undefined || folder === '' ? [] : [{ source: folder, readOnly }];
  });
}
