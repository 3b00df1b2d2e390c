import { isList, isMap, type Tree, type TreeMap } from '../yaml/tree.js';

/** Sets the defaults of a canonical tree, in place, before paths are resolved. */
export function setDefaults(root: TreeMap): void {
  const services = root.services;
  if (!isMap(services)) return;
  for (const service of Object.values(services)) {
    if (!isMap(service)) continue;
    if (isMap(service.build) && service.build.context === undefined) service.build.context = '.';
    for (const port of mapsOf(service.ports)) {
      port.mode ??= 'ingress';
      port.protocol ??= 'tcp';
    }
    for (const secret of mapsOf(service.secrets)) {
      if (secret.target === undefined && typeof secret.source === 'string') {
        secret.target = `/run/secrets/${secret.source}`;
      }
    }
    for (const request of [...mapsOf(service.gpus), ...mapsOf(reservedDevices(service))]) {
      if (request.count === undefined && request.device_ids === undefined) request.count = 'all';
    }
  }
}

function mapsOf(value: Tree | undefined): TreeMap[] {
  return isList(value ?? null) ? (value as Tree[]).filter(isMap) : [];
}

function reservedDevices(service: TreeMap): Tree | undefined {
  let node: Tree | undefined = service;
  for (const key of ['deploy', 'resources', 'reservations', 'devices']) {
    node = isMap(node) ? node[key] : undefined;
  }
  return node;
}

/** Removes empty addresses from `dns`, which come from unset variables. */
export function omitEmpty(root: TreeMap): void {
  const services = root.services;
  if (!isMap(services)) return;
  for (const service of Object.values(services)) {
    if (!isMap(service)) continue;
    const dns = service.dns;
    if (isList(dns ?? null))
      service.dns = (dns as Tree[]).filter((item) => item !== '' && item !== null);
  }
}
