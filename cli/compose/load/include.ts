import { errorAt } from '../error.js';
import { scalarText } from '../yaml/scalar.js';
import {
  isList,
  isMap,
  putWithMark,
  treesEqual,
  valueAt,
  type Path,
  type Tree,
  type TreeMap,
} from '../yaml/tree.js';

export interface Include {
  /** The main file, followed by its overrides. */
  readonly paths: readonly string[];
  readonly projectDirectory: string | undefined;
  readonly envFiles: readonly string[];
  readonly at: Path;
}

/** Parses `include`, a list of paths or mappings. Throws ComposeError. */
export function includesOf(root: TreeMap): Include[] {
  const value = root.include ?? null;
  if (value === null) return [];
  if (!isList(value)) throw errorAt(root, ['include'], 'must be a list of files');
  return value.map((entry, index) => readInclude(entry, ['include', index], root));
}

function readInclude(entry: Tree, at: Path, root: TreeMap): Include {
  if (typeof entry === 'string')
    return { paths: [entry], projectDirectory: undefined, envFiles: [], at };
  if (!isMap(entry)) throw errorAt(root, at, 'must be a path or a mapping with path');
  const unknown = Object.keys(entry).find(
    (key) => !['path', 'project_directory', 'env_file'].includes(key),
  );
  if (unknown !== undefined) {
    throw errorAt(
      root,
      [...at, unknown],
      'is not a key of include; use path, project_directory or env_file',
    );
  }
  const paths = strings(entry.path, [...at, 'path'], root);
  if (paths.length === 0) throw errorAt(root, at, 'has no path; add the file to include');
  const directory = entry.project_directory ?? null;
  return {
    paths,
    projectDirectory: directory === null ? undefined : scalarText(directory),
    envFiles: strings(entry.env_file, [...at, 'env_file'], root),
    at,
  };
}

function strings(value: Tree | undefined, at: Path, root: TreeMap): string[] {
  if (value === undefined || value === null) return [];
  const list = isList(value) ? value : [value];
  return list.map((item) => {
    if (typeof item !== 'string') throw errorAt(root, at, 'must be a string or a list of strings');
    return item;
  });
}

/** A resource that is defined both in a file and in a project that it includes. */
export interface SharedResource {
  readonly section: string;
  readonly name: string;
  readonly included: Tree;
}

/**
 * Copies the resources of an included model that the file does not define. Returns the others, for
 * `refuseConflicts`.
 */
export function importResources(imported: TreeMap, target: TreeMap): SharedResource[] {
  const shared: SharedResource[] = [];
  for (const section of ['services', 'volumes', 'networks', 'secrets', 'configs', 'models']) {
    const from = imported[section];
    if (!isMap(from)) continue;
    const existing = target[section] ?? null;
    if (existing !== null && !isMap(existing))
      throw errorAt(target, [section], 'must be a mapping');
    if (existing === null) {
      putWithMark(target, section, from, imported);
      continue;
    }
    for (const name of Object.keys(from)) {
      const included = from[name] as Tree;
      if (existing[name] === undefined) putWithMark(existing, name, included, from);
      else shared.push({ section, name, included });
    }
  }
  return shared;
}

/**
 * Throws if a resource differs from the included one of the same name. Runs after `extends`, which
 * may complete a service of the file.
 */
export function refuseConflicts(shared: readonly SharedResource[], target: TreeMap): void {
  for (const { section, name, included } of shared) {
    if (treesEqual(valueAt(target, [section, name]), included)) continue;
    throw errorAt(
      target,
      [section, name],
      'conflicts with an included resource of that name; rename one',
    );
  }
}
