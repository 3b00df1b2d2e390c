import { errorAt } from '../error.js';
import { scalarText } from '../yaml/scalar.js';
import { pathRules, ruleAt } from './path-rules.js';
import {
  isList,
  isMap,
  itemsOf,
  listFromItems,
  keyMark,
  newMap,
  putWithMark,
  setMark,
  withMark,
  containerMark,
  valueAt,
  type Path,
  type Tree,
  type TreeList,
  type TreeMap,
} from '../yaml/tree.js';

/**
 * Merges `over` into `base` by Compose's rules: mappings merge, lists append, some fields have
 * their own rule. Both trees are consumed.
 */
export function mergeTrees(base: TreeMap, over: TreeMap, at: Path = []): TreeMap {
  const root = over;
  return mergeMaps(base, over, at, root);
}

type Rule = (base: Tree, over: Tree, path: Path, root: TreeMap) => Tree;

const replace: Rule = (_base, over) => over;

const rules = pathRules<Rule>({
  'networks.*.ipam.config': mergePools,
  'networks.*.labels': appendPairs,
  'volumes.*.labels': appendPairs,
  ...Object.fromEntries(
    Object.entries({
      annotations: appendPairs,
      build: mergeBuild,
      'build.args': appendPairs,
      'build.additional_contexts': appendPairs,
      'build.extra_hosts': appendHosts,
      'build.labels': appendPairs,
      command: replace,
      depends_on: mergeDependsOn,
      'deploy.labels': appendPairs,
      dns: appendPairs,
      dns_opt: appendPairs,
      dns_search: appendPairs,
      entrypoint: replace,
      env_file: appendPairs,
      label_file: appendPairs,
      environment: appendPairs,
      extra_hosts: appendHosts,
      'healthcheck.test': replace,
      labels: appendPairs,
      logging: mergeLogging,
      models: mergeNamed,
      networks: mergeNamed,
      sysctls: appendPairs,
      tmpfs: appendPairs,
      'ulimits.*': replace,
    } satisfies Record<string, Rule>).map(([key, rule]) => [`services.*.${key}`, rule]),
  ),
});

function mergeValues(base: Tree, over: Tree, path: Path, root: TreeMap): Tree {
  const rule = ruleAt(rules, path);
  if (rule !== undefined) return rule(base, over, path, root);
  if (over === null) return base;
  if (isMap(base)) {
    if (!isMap(over)) throw cannotOverride(path, root, 'a mapping');
    return mergeMaps(base, over, path, root);
  }
  if (isList(base)) {
    if (!isList(over)) throw cannotOverride(path, root, 'a list');
    return append(base, over);
  }
  return over;
}

function cannotOverride(path: Path, root: TreeMap, kind: string): Error {
  return errorAt(
    root,
    path,
    `cannot override ${kind} of an earlier file with a different type; use the same form`,
  );
}

function mergeMaps(base: TreeMap, over: TreeMap, path: Path, root: TreeMap): TreeMap {
  for (const key of Object.keys(over)) {
    const value = over[key] as Tree;
    const current = base[key];
    if (current === undefined) putWithMark(base, key, value, over);
    else putWithMark(base, key, mergeValues(current, value, [...path, key], root), over);
  }
  return base;
}

function append(base: TreeList, over: TreeList): TreeList {
  return listFromItems([...itemsOf(base), ...itemsOf(over)], containerMark(base));
}

/** Merges options only if both sides use the same driver; otherwise `over` replaces `base`. */
function mergeLogging(base: Tree, over: Tree, path: Path, root: TreeMap): Tree {
  if (over === null) return base;
  if (!isMap(base) || !isMap(over)) return over;
  const same = base.driver === over.driver;
  if (same || !('driver' in base) || !('driver' in over)) return mergeMaps(base, over, path, root);
  return over;
}

function mergeBuild(base: Tree, over: Tree, path: Path, root: TreeMap): Tree {
  const toMap = (value: Tree): Tree => {
    if (typeof value !== 'string') return value;
    const map = newMap();
    map.context = value;
    return withMark(map, undefined);
  };
  const [left, right] = [toMap(base), toMap(over)];
  if (right === null) return left;
  if (!isMap(left)) return right;
  if (!isMap(right)) throw cannotOverride(path, root, 'the build section');
  return mergeMaps(left, right, path, root);
}

function mergeDependsOn(base: Tree, over: Tree, path: Path, root: TreeMap): Tree {
  return mergeKeyed(base, over, { path, root, makeEntry: startedDependency });
}

function startedDependency(): Tree {
  const map = newMap();
  map.condition = 'service_started';
  map.required = true;
  return map;
}

function mergeNamed(base: Tree, over: Tree, path: Path, root: TreeMap): Tree {
  return mergeKeyed(base, over, { path, root, makeEntry: () => null });
}

interface Keyed {
  readonly path: Path;
  readonly root: TreeMap;
  readonly makeEntry: () => Tree;
}

function mergeKeyed(base: Tree, over: Tree, { path, root, makeEntry }: Keyed): Tree {
  if (over === null) return base;
  const [left, right] = [keyed(base, makeEntry), keyed(over, makeEntry)];
  if (left === undefined) return over;
  if (right === undefined) throw cannotOverride(path, root, 'a list or mapping');
  return mergeMaps(left, right, path, root);
}

/**
 * Converts a list of names to a mapping; undefined if the value is neither a list nor a mapping.
 */
function keyed(value: Tree, makeEntry: () => Tree): TreeMap | undefined {
  if (isMap(value)) return value;
  if (!isList(value)) return undefined;
  const map = newMap(containerMark(value));
  value.forEach((name, index) => {
    if (typeof name !== 'string') return;
    map[name] = makeEntry();
    setMark(map, name, keyMark(value, index));
  });
  return map;
}

function appendPairs(base: Tree, over: Tree): Tree {
  return listFromItems([...toPairItems(base), ...toPairItems(over)], containerStart(base));
}

function appendHosts(base: Tree, over: Tree): Tree {
  const existing = toPairItems(base);
  const added = toPairItems(over).filter(
    (pair) => !existing.some(({ value }) => value === pair.value),
  );
  return listFromItems([...existing, ...added], containerStart(base));
}

function containerStart(value: Tree): ReturnType<typeof containerMark> {
  return typeof value === 'object' && value !== null ? containerMark(value) : undefined;
}

/** Converts a mapping to sorted `key=value` items that can be appended to a list. */
export function toPairItems(value: Tree): ReturnType<typeof itemsOf> {
  if (isList(value)) return itemsOf(value);
  if (typeof value === 'string') return [{ value, mark: undefined }];
  if (!isMap(value)) return [];
  const items = Object.keys(value).flatMap((key) => {
    const mark = keyMark(value, key);
    const item = value[key] as Tree;
    if (isList(item)) return item.map((entry) => ({ value: `${key}=${scalarText(entry)}`, mark }));
    return [{ value: item === null ? key : `${key}=${scalarText(item)}`, mark }];
  });
  return items.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
}

/** Merges address pools by subnet. */
function mergePools(base: Tree, over: Tree, path: Path, root: TreeMap): Tree {
  if (!isList(base) || !isList(over) || !base.every(isMap) || !over.every(isMap)) return over;
  const merged: TreeMap[] = [];
  const at = (subnet: Tree | undefined): number =>
    merged.findIndex((pool) => pool.subnet === subnet);
  for (const left of base) {
    for (const right of over) {
      if (right.subnet !== left.subnet && at(right.subnet) < 0) {
        merged.push(right);
        continue;
      }
      const pool = mergeMaps(left, right, path, root);
      const index = at(pool.subnet);
      if (index >= 0) merged[index] = pool;
      else merged.push(pool);
    }
  }
  return listFromItems(
    merged.map((value) => ({ value, mark: containerMark(value) })),
    containerMark(over),
  );
}

/** Removes the paths from `tree` that `!reset` and `!override` of a later file mark. */
export function applyResets(tree: TreeMap, resets: readonly Path[]): void {
  for (const path of resets) {
    const parent = valueAt(tree, path.slice(0, -1));
    const key = path.at(-1);
    if (isMap(parent) && key !== undefined) Reflect.deleteProperty(parent, key);
  }
}
