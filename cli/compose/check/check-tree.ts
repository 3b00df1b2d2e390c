import { errorAt } from '../error.js';
import { isHostIp } from './ip-address.js';
import { isList, isMap, type Path, type Tree, type TreeMap } from '../yaml/tree.js';

/** Checks rules that the schema cannot express, before paths are resolved. Throws ComposeError. */
export function checkTree(root: TreeMap): void {
  each(root, 'volumes', (volume, path) => {
    checkVolume(volume, path, root);
  });
  each(root, 'configs', (config, path) => {
    checkSource(config, path, root, ['file', 'environment', 'content']);
  });
  each(root, 'secrets', (secret, path) => {
    checkSource(secret, path, root, ['file', 'environment']);
  });
  each(root, 'services', (service, path) => {
    checkService(service, path, root);
  });
}

function each(
  root: TreeMap,
  section: string,
  check: (resource: TreeMap, path: Path) => void,
): void {
  const resources = root[section];
  if (!isMap(resources)) return;
  for (const name of Object.keys(resources)) {
    const resource = resources[name] as Tree;
    if (isMap(resource)) check(resource, [section, name]);
  }
}

function checkVolume(volume: TreeMap, path: Path, root: TreeMap): void {
  if (volume.external !== true) return;
  const other = Object.keys(volume).find(
    (key) => !['name', 'external'].includes(key) && !key.startsWith('x-'),
  );
  if (other !== undefined)
    throw errorAt(root, [...path, other], 'cannot be set on an external volume; remove it');
}

function checkSource(resource: TreeMap, path: Path, root: TreeMap, keys: readonly string[]): void {
  const set = keys.filter((key) => key in resource);
  if (set.length > 1)
    throw errorAt(
      root,
      [...path, set[1] ?? ''],
      `${set.join(' and ')} exclude each other; keep one`,
    );
  if (set.length === 0 && !('driver' in resource) && !('external' in resource)) {
    throw errorAt(root, path, `has no content; set one of ${keys.join(', ')}, or external: true`);
  }
}

function checkService(service: TreeMap, path: Path, root: TreeMap): void {
  eachItem(service, ['ports'], (port, at) => {
    const address = port.host_ip;
    if (typeof address === 'string' && !isHostIp(address)) {
      throw errorAt(
        root,
        [...path, ...at, 'host_ip'],
        `invalid IP address "${address}"; write an IPv4 or IPv6 address`,
      );
    }
  });
  eachItem(service, ['develop', 'watch'], (watch, at) => {
    if (watch.path === '')
      throw errorAt(root, [...path, ...at, 'path'], 'is empty; set the path to watch');
  });
  for (const list of [['gpus'], ['deploy', 'resources', 'reservations', 'devices']]) {
    eachItem(service, list, (request, at) => {
      if (request.count === undefined || request.device_ids === undefined) return;
      throw errorAt(
        root,
        [...path, ...at],
        '"count" and "device_ids" exclude each other; keep one',
      );
    });
  }
}

function eachItem(
  service: TreeMap,
  keys: readonly string[],
  check: (item: TreeMap, at: Path) => void,
): void {
  let node: Tree | undefined = service;
  for (const key of keys) node = isMap(node) ? node[key] : undefined;
  if (!isList(node ?? null)) return;
  (node as Tree[]).forEach((item, index) => {
    if (isMap(item)) check(item, [...keys, index]);
  });
}
