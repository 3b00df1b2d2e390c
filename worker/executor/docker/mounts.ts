import { AppError } from '../../../manager/common/base/errors.js';
import type { MountSpec } from '../../../manager/common/model/container.js';
import type { Json, JsonObject } from '../../../manager/common/model/meta.js';

const volumeSubpathApi = 45;
const imageMountApi = 48;
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
      return common(mount, mount.source, { BindOptions: bindOptions(mount) });
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

function bindOptions({ propagation, recursive }: Bind): JsonObject | undefined {
  if (propagation === undefined && recursive === undefined) return undefined;
  return defined({
    Propagation: propagation,
    ...(recursive === undefined ? {} : { [recursion[recursive]]: true }),
  });
}

/** True for mounts with an SELinux label, which only `Binds` supports. */
export function isRelabelled(mount: MountSpec): mount is Bind {
  return mount.type === 'bind' && mount.selinux !== undefined;
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
