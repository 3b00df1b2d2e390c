import { messageOf } from '../../../manager/common/base/errors.js';
import { errorAt } from '../error.js';
import { parseMount } from '../canonical/volumes.js';
import { scalarText } from '../yaml/scalar.js';
import { applyPathRules, pathRules } from '../load/path-rules.js';
import {
  isList,
  isMap,
  itemsOf,
  listFromItems,
  containerMark,
  type Path,
  type Tree,
  type TreeMap,
} from '../yaml/tree.js';

/**
 * Returns the identity of a list item; of two items with one identity the later replaces the first.
 */
type Identify = (item: Tree, path: Path, root: TreeMap) => string | undefined;

const byKey: Identify = (item, path, root) => {
  if (typeof item !== 'string') {
    throw errorAt(root, path, `must be a string, not ${scalarText(item)}`);
  }
  const equals = item.indexOf('=');
  return equals < 0 ? item : item.slice(0, equals);
};

const byText: Identify = (item, path, root) => {
  if (typeof item === 'string') return item;
  if (typeof item === 'number' && Number.isInteger(item)) return String(item);
  throw errorAt(root, path, 'must be a string or a whole number');
};

const byTarget: Identify = (item, path, root) => {
  if (typeof item === 'string') return targetOf(item, path, root);
  if (!isMap(item)) return undefined;
  if (typeof item.target === 'string') return item.target;
  throw errorAt(root, path, 'mount has no target; add the path in the container');
};

function targetOf(spec: string, path: Path, root: TreeMap): string {
  try {
    return parseMount(spec).target;
  } catch (error) {
    throw errorAt(root, path, messageOf(error));
  }
}

const byDevice: Identify = (item, path, root) => {
  if (typeof item === 'string') return item.split(':')[1] ?? item;
  if (!isMap(item)) return undefined;
  if (typeof item.target === 'string') return item.target;
  if (typeof item.source === 'string') return item.source;
  throw errorAt(root, path, 'device has no target; add the path in the container');
};

function byFile(folder: string): Identify {
  return (item, path, root) => {
    if (typeof item === 'string') return `${folder}/${item}`;
    if (!isMap(item)) throw errorAt(root, path, 'must be a name or a mapping with source');
    const target = item.target;
    return typeof target === 'string' ? target : `${folder}/${scalarText(item.source ?? null)}`;
  };
}

const byPath: Identify = (item, path, root) => {
  if (typeof item === 'string') return item;
  if (isMap(item) && typeof item.path === 'string') return item.path;
  throw errorAt(root, path, 'must be a path or a mapping with path');
};

const byBinding: Identify = (item, path, root) => {
  if (typeof item === 'string') return item;
  if (typeof item === 'number') return String(item);
  if (!isMap(item)) return undefined;
  if (item.target === undefined)
    throw errorAt(root, path, 'port has no target; add the container port');
  const [host, published] = [item.host_ip ?? '0.0.0.0', item.published ?? null];
  const [target, protocol] = [item.target, item.protocol ?? 'tcp'];
  return `${scalarText(host)}:${scalarText(published)}:${scalarText(target)}/${scalarText(protocol)}`;
};

const service = (fields: Readonly<Record<string, Identify>>): Record<string, Identify> =>
  Object.fromEntries(
    Object.entries(fields).map(([key, identify]) => [`services.*.${key}`, identify]),
  );

const identifiers = pathRules<Identify>({
  'networks.*.labels': byKey,
  'networks.*.ipam.options': byKey,
  'volumes.*.labels': byKey,
  ...service({
    annotations: byKey,
    'build.args': byKey,
    'build.additional_contexts': byKey,
    'build.platform': byKey,
    'build.tags': byKey,
    'build.labels': byKey,
    cap_add: byKey,
    cap_drop: byKey,
    devices: byDevice,
    configs: byFile(''),
    'deploy.labels': byKey,
    dns: byKey,
    dns_opt: byKey,
    dns_search: byKey,
    environment: byKey,
    env_file: byPath,
    expose: byText,
    external_links: byKey,
    label_file: byPath,
    labels: byKey,
    links: byKey,
    'networks.*.aliases': byKey,
    'networks.*.link_local_ips': byKey,
    ports: byBinding,
    profiles: byKey,
    secrets: byFile('/run/secrets'),
    sysctls: byKey,
    tmpfs: byKey,
    volumes: byTarget,
  }),
});

/** Removes list items that a later item redefines, in place. */
export function removeDuplicates(root: TreeMap): TreeMap {
  applyPathRules(root, identifiers, (value, identify, path) => {
    if (!isList(value)) return value;
    const names = value.map((item, index) => identify(item, [...path, index], root) ?? '');
    if (new Set(names).size === names.length) return value;
    const kept = new Map<string, ReturnType<typeof itemsOf>[number]>();
    itemsOf(value).forEach((item, index) => {
      kept.set(names[index] ?? '', item);
    });
    return listFromItems([...kept.values()], containerMark(value));
  });
  return root;
}
