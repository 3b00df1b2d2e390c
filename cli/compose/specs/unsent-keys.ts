const built = 'used by `build`, and by `up` if it builds';
const watched = 'used by `watch`';

/** Keys without an effect on the specs sent to the cluster, and their use instead. */
export const unsentKeys: Readonly<Record<string, string>> = {
  ...inside('services.build', built, [
    ...['', 'context', 'dockerfile', 'dockerfile_inline', 'entitlements', 'args', 'ssh', 'labels'],
    ...[
      'cache_from',
      'cache_to',
      'no_cache',
      'additional_contexts',
      'network',
      'provenance',
      'sbom',
    ],
    ...['pull', 'target', 'shm_size', 'extra_hosts', 'isolation', 'privileged', 'secrets'],
    ...['secrets.source', 'secrets.target', 'secrets.uid', 'secrets.gid', 'secrets.mode', 'tags'],
    ...['ulimits', 'ulimits.hard', 'ulimits.soft', 'platforms'],
  ]),
  ...inside('services.develop.watch', watched, [
    ...['ignore', 'include', 'path', 'action', 'target', 'initial_sync', 'exec.command'],
    ...['exec.user', 'exec.privileged', 'exec.working_dir', 'exec.environment'],
  ]),
  'services.attach': 'whether `up` in the foreground shows its output',
  'services.env_file.format': 'format of the file, read by the client',
  'services.env_file.required': 'whether the file must exist on the client',
  'services.ports.name': 'informational, as in docker compose',
  'services.ports.app_protocol': 'informational, as in docker compose',
  'services.ports.mode': 'every port is published on the node that runs the container',
  'services.pull_refresh_after':
    'used with `pull_policy: refresh`, which queries the registry each time',
  'networks.driver': 'omitted, `bridge` and `overlay` are equivalent, others are refused',
  'networks.ipam.driver': 'only `default`, others are refused',
  'networks.ipam.options': 'ignored, as in docker compose',
};

function inside(
  key: string,
  where: string,
  names: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name === '' ? key : `${key}.${name}`, where]));
}
