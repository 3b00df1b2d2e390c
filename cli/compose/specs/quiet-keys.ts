const built = 'read by `build`, and by `up` when it builds';
const watched = 'read by `watch`';

/** Keys that leave no trace in what is sent to the cluster, and where they count instead. */
export const quietKeys: Readonly<Record<string, string>> = {
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
  'services.attach': 'whose output a foreground `up` shows',
  'services.env_file.format': 'how the file is read here',
  'services.env_file.required': 'whether the file may be absent here',
  'services.ports.name': 'a name for readers, as for docker compose',
  'services.ports.app_protocol': 'a hint for readers, as for docker compose',
  'services.ports.mode': 'every port is published on the node that runs the container',
  'services.pull_refresh_after':
    'goes with `pull_policy: refresh`, which asks the registry each time',
  'networks.driver': 'none, `bridge` and `overlay` are the same here, others are refused',
  'networks.ipam.driver': '`default`, others are refused',
  'networks.ipam.options': 'left out by docker compose, too',
};

function inside(
  key: string,
  where: string,
  names: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name === '' ? key : `${key}.${name}`, where]));
}
