import {
  isList,
  isMap,
  newMap,
  putWithMark,
  withMark,
  keyMark,
  type Tree,
  type TreeMap,
} from '../yaml/tree.js';
import type { Lookup } from '../interpolation/interpolate.js';

/**
 * Makes implicit settings explicit, in place: the default network, dependencies implied by links
 * and shared namespaces, names of resources, values of variables listed by name only.
 */
export function normalize(root: TreeMap, projectName: string, lookup: Lookup): void {
  addDefaultNetwork(root);
  for (const service of servicesOf(root)) normalizeService(service, lookup);
  setNames(root, projectName);
}

function servicesOf(root: TreeMap): TreeMap[] {
  const services = root.services;
  return isMap(services) ? Object.values(services).filter(isMap) : [];
}

function addDefaultNetwork(root: TreeMap): void {
  let used = false;
  for (const service of servicesOf(root)) {
    if (service.provider !== undefined || service.network_mode !== undefined) continue;
    const networks = service.networks;
    if (!isMap(networks) || Object.keys(networks).length === 0) {
      const implied = newMap();
      implied.default = null;
      service.networks = implied;
      used = true;
    } else if ('default' in networks) used = true;
  }
  if (!used) return;
  const networks = root.networks;
  const declared = isMap(networks) ? networks : newMap();
  if (!('default' in declared)) declared.default = null;
  root.networks = declared;
}

function normalizeService(service: TreeMap, lookup: Lookup): void {
  if (service.pull_policy === 'if_not_present') service.pull_policy = 'missing';
  const build = service.build;
  if (isMap(build)) {
    build.context ??= '.';
    if (build.dockerfile === undefined && build.dockerfile_inline === undefined) {
      build.dockerfile = 'Dockerfile';
    }
    if (build.args !== undefined) build.args = resolveNames(build.args, lookup, 'drop');
  }
  if (service.environment !== undefined) {
    service.environment = resolveNames(service.environment, lookup, 'keep');
  }
  addDependencies(service);
}

/** Resolves names without a value against the environment. */
function resolveNames(value: Tree, lookup: Lookup, unset: 'keep' | 'drop'): Tree {
  if (isList(value)) {
    return value.flatMap((item) => {
      if (typeof item !== 'string' || item.includes('=')) return [item];
      const found = lookup(item);
      if (found !== undefined) return [`${item}=${found}`];
      return unset === 'keep' ? [item] : [];
    });
  }
  if (!isMap(value)) return value;
  for (const key of Object.keys(value)) {
    if (value[key] !== null) continue;
    const found = lookup(key);
    if (found !== undefined) value[key] = found;
    else if (unset === 'drop') Reflect.deleteProperty(value, key);
  }
  return value;
}

function addDependencies(service: TreeMap): void {
  const given = service.depends_on;
  const dependsOn = isMap(given) ? given : newMap();
  const add = (key: string, name: string, restart: boolean): void => {
    if (dependsOn[name] !== undefined) return;
    const dependency = withMark(newMap(), keyMark(service, key));
    dependency.condition = 'service_started';
    dependency.restart = restart;
    dependency.required = true;
    const holder = newMap();
    holder[name] = dependency;
    putWithMark(dependsOn, name, dependency, holder);
  };
  for (const link of stringsOf(service.links)) {
    const parts = link.split(':');
    add('links', parts.length === 2 ? (parts[0] ?? link) : link, true);
  }
  for (const key of ['network_mode', 'ipc', 'pid', 'uts', 'cgroup']) {
    const mode = service[key];
    if (typeof mode === 'string' && mode.startsWith('service:'))
      add(key, mode.slice('service:'.length), true);
  }
  for (const source of stringsOf(service.volumes_from)) {
    if (!source.startsWith('container:'))
      add('volumes_from', source.split(':')[0] ?? source, false);
  }
  if (Object.keys(dependsOn).length > 0) service.depends_on = dependsOn;
}

function stringsOf(value: Tree | undefined): string[] {
  return isList(value ?? null) ? (value as Tree[]).filter((item) => typeof item === 'string') : [];
}

function setNames(root: TreeMap, projectName: string): void {
  for (const section of ['networks', 'volumes', 'configs', 'secrets']) {
    const resources = root[section];
    if (!isMap(resources)) continue;
    for (const key of Object.keys(resources)) {
      const given = resources[key];
      const resource = isMap(given) ? given : withMark(newMap(), keyMark(resources, key));
      resource.name ??= resource.external === true ? key : `${projectName}_${key}`;
      resources[key] = resource;
    }
  }
}
