import { AppError } from '../../../../manager/common/base/errors.js';
import type { MountSpec } from '../../../../manager/common/model/container.js';
import type { Json, JsonObject } from '../../../../manager/common/model/meta.js';

const volumeSubpathApi = 45;
const imageMountApi = 48;
/** `BindOptions.CreateMountpoint`, https://docs.docker.com/reference/api/engine/version-history/. */
const createMountpointApi = 42;
/** Recursive read-only mounts and their options. */
const recursiveApi = 44;

type Bind = Extract<MountSpec, { type: 'bind' }>;

const recursion = {
  disabled: 'NonRecursive',
  writable: 'ReadOnlyNonRecursive',
  readonly: 'ReadOnlyForceRecursive',
} as const;

/**
 * Builds an entry of `HostConfig.Mounts`. Throws `unsupported` for options that this engine lacks.
 */
export function toMount(mount: MountSpec, apiMinor: number): JsonObject {
  const requirement = requirementOf(mount);
  if (requirement !== undefined && apiMinor < requirement.api) {
    throw new AppError(
      'unsupported',
      `${requirement.feature} requires an engine with API 1.${String(requirement.api)} (${requirement.engine}); this engine has 1.${String(apiMinor)}`,
    );
  }
  switch (mount.type) {
    case 'volume':
      return common(mount, mount.source, {
        VolumeOptions: defined({
          NoCopy: mount.noCopy,
          Subpath: mount.subpath,
          Labels: mount.labels,
        }),
      });
    case 'bind':
      return common(mount, mount.source, { BindOptions: bindOptions(mount, apiMinor) });
    case 'tmpfs':
      return common(mount, undefined, {
        TmpfsOptions: defined({ SizeBytes: mount.sizeBytes, Mode: mount.mode }),
      });
    case 'image':
      return common({ ...mount, readOnly: true }, mount.source, {
        ImageOptions: mount.subpath === undefined ? undefined : { Subpath: mount.subpath },
      });
  }
}

function requirementOf(
  mount: MountSpec,
): { readonly feature: string; readonly api: number; readonly engine: string } | undefined {
  if (mount.type === 'volume' && mount.subpath !== undefined) {
    const feature = `volume ${mount.source ?? mount.target}: subpath`;
    return { feature, api: volumeSubpathApi, engine: 'Docker 26' };
  }
  if (mount.type === 'image') {
    return { feature: `mount ${mount.target}: an image`, api: imageMountApi, engine: 'Docker 28' };
  }
  if (mount.type === 'bind' && mount.recursive !== undefined && mount.recursive !== 'disabled') {
    return { feature: `mount ${mount.target}: recursive`, api: recursiveApi, engine: 'Docker 25' };
  }
  return undefined;
}

function common(
  mount: {
    readonly type: string;
    readonly target: string;
    readonly readOnly: boolean;
    readonly consistency?: string;
  },
  source: string | undefined,
  options: Readonly<Record<string, Json | undefined>>,
): JsonObject {
  return defined({
    Type: mount.type,
    Source: source,
    Target: mount.target,
    ReadOnly: mount.readOnly,
    Consistency: mount.consistency,
    ...options,
  });
}

function bindOptions(
  { propagation, recursive, createHostPath }: Bind,
  apiMinor: number,
): JsonObject | undefined {
  const options = defined({
    Propagation: propagation,
    ...(recursive === undefined ? {} : { [recursion[recursive]]: true }),
    CreateMountpoint: createHostPath && apiMinor >= createMountpointApi ? true : undefined,
  });
  return Object.keys(options).length === 0 ? undefined : options;
}

/**
 * True for mounts that `HostConfig.Binds` describes: with an SELinux label, or with a folder of the
 * host that the engine creates if it is missing. The worker creates none: its own view of the
 * machine's folders is read-only. A colon in a path cannot be written there.
 */
export function isBindText(mount: MountSpec): mount is Bind {
  if (mount.type !== 'bind') return false;
  if (mount.selinux !== undefined) return true;
  const isExpressible = !`${mount.source}${mount.target}`.includes(':');
  return mount.createHostPath && mount.recursive === undefined && isExpressible;
}

/** Formats a bind as `SOURCE:TARGET:OPTIONS`. */
export function toBindText({
  source,
  target,
  readOnly,
  selinux,
  propagation,
  consistency,
}: Bind): string {
  const options = [readOnly ? 'ro' : 'rw', selinux, propagation, consistency];
  return `${source}:${target}:${options.filter((option) => option !== undefined).join(',')}`;
}

function defined(record: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  );
}
