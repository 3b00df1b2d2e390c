import { decode, dictionary, object, optionalOrNull, string } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { VolumeSpec } from '../../common/model/network.js';

/** Label of volumes without a name of their own; `docker volume prune` removes only those. */
export const anonymousVolumeLabel = 'com.docker.volume.anonymous';

const volumeBody = object<{
  readonly Name?: string;
  readonly Driver?: string;
  readonly DriverOpts?: Readonly<Record<string, string>>;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly ClusterVolumeSpec?: object;
}>({
  Name: optionalOrNull(string),
  Driver: optionalOrNull(string),
  DriverOpts: optionalOrNull(dictionary(string)),
  Labels: optionalOrNull(dictionary(string)),
  ClusterVolumeSpec: optionalOrNull(object({})),
});

const volumeName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/u;

/** Throws `invalid` with the Docker Engine's message. */
export function requireVolumeName(name: string): void {
  if (volumeName.test(name)) return;
  throw new AppError(
    'invalid',
    `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  );
}

/** Decodes the body of `POST /volumes/create`; `newName` names a volume without a name. */
export function decodeVolumeBody(value: unknown, newName: () => string): VolumeSpec {
  const body = decode(value, volumeBody, 'volume');
  const { Name: wanted = '', Driver: driver = '', Labels = {} } = body;
  if (body.ClusterVolumeSpec !== undefined) {
    throw new AppError('unsupported', `volume ${wanted}: ClusterVolumeSpec is not supported`);
  }
  const name = wanted === '' ? newName() : wanted;
  requireVolumeName(name);
  const labels = wanted === '' ? { ...Labels, [anonymousVolumeLabel]: '' } : Labels;
  return {
    name,
    project: labels['com.docker.compose.project'] ?? '',
    key: labels['com.docker.compose.volume'] ?? name,
    driver: driver === '' ? 'local' : driver,
    ...{ driverOpts: body.DriverOpts ?? {}, labels, external: false },
  };
}
