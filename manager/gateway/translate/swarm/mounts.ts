import type { MountSpec } from '../../../common/model/container.js';
import type { VolumeSpec } from '../../../common/model/network.js';
import { compact } from './object.js';

type Options = Readonly<Record<string, unknown>>;

/** A mount as the Engine API has it; `volume` is the cluster's volume of that name. */
export function toSwarmMount(mount: MountSpec, volume?: VolumeSpec): object {
  const common = (source: string | undefined, options: Options): object =>
    compact({
      Type: mount.type,
      Source: source,
      Target: mount.target,
      ReadOnly: mount.type === 'image' ? undefined : mount.readOnly,
      Consistency: mount.type === 'image' ? undefined : mount.consistency,
      ...options,
    });
  switch (mount.type) {
    case 'volume':
      return common(mount.source, { VolumeOptions: volumeOptions(mount, volume) });
    case 'bind':
      return common(mount.source, {
        BindOptions: compact({
          Propagation: mount.propagation,
          NonRecursive: mount.recursive === 'disabled',
          CreateMountpoint: mount.createHostPath,
        }),
      });
    case 'tmpfs':
      return common(undefined, {
        TmpfsOptions: compact({ SizeBytes: mount.sizeBytes, Mode: mount.mode }),
      });
    case 'image':
      return common(mount.source, { ImageOptions: compact({ Subpath: mount.subpath }) });
  }
}

function volumeOptions(
  { noCopy, subpath, labels = {} }: Extract<MountSpec, { type: 'volume' }>,
  volume: VolumeSpec | undefined,
): Options {
  const { driver = 'local', driverOpts = {} } = volume ?? {};
  const isPlain = driver === 'local' && Object.keys(driverOpts).length === 0;
  return compact({
    NoCopy: noCopy,
    Subpath: subpath,
    Labels: volume?.labels ?? labels,
    DriverConfig: isPlain ? {} : compact({ Name: driver, Options: driverOpts }),
  });
}
