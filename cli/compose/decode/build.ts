import type { Build } from '../model.js';
import { isMap, type Tree } from '../yaml/tree.js';
import { readFileReference } from './file-reference.js';
import { readHosts } from './hosts.js';
import { byCodeUnit, omitUndefined, type MappingReader } from './reader.js';
import { readUlimits } from './ulimits.js';

export function readBuild(r: MappingReader): Build {
  return omitUndefined<Build>({
    context: r.text('context'),
    dockerfile: r.text('dockerfile'),
    dockerfile_inline: r.text('dockerfile_inline'),
    entitlements: r.list('entitlements'),
    args: r.pairs('args'),
    provenance: r.text('provenance'),
    sbom: r.text('sbom'),
    ssh: readSshKeys(r.raw('ssh')),
    labels: r.strings('labels'),
    cache_from: r.list('cache_from'),
    cache_to: r.list('cache_to'),
    no_cache: r.flag('no_cache'),
    additional_contexts: r.strings('additional_contexts'),
    pull: r.flag('pull'),
    extra_hosts: readHosts(r, 'extra_hosts'),
    isolation: r.text('isolation'),
    network: r.text('network'),
    target: r.text('target'),
    secrets: r.each('secrets', readFileReference),
    shm_size: r.bytes('shm_size'),
    tags: r.list('tags'),
    ulimits: readUlimits(r),
    platforms: r.list('platforms'),
    privileged: r.flag('privileged'),
  });
}

/** Reads SSH keys as `id=path`, or the id alone. */
function readSshKeys(value: Tree | undefined): string[] | undefined {
  if (!isMap(value)) return undefined;
  const keys = Object.keys(value)
    .sort(byCodeUnit)
    .map((id) => {
      const path = value[id];
      return typeof path === 'string' && path !== '' ? `${id}=${path}` : id;
    });
  return keys.length === 0 ? undefined : keys;
}
