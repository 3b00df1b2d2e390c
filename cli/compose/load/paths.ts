import { posix } from 'node:path';
import { errorAt } from '../error.js';
import { applyPathRules, pathRules } from './path-rules.js';
import { isList, isMap, type Path, type Tree, type TreeMap } from '../yaml/tree.js';

export interface PathOptions {
  /** Absolute path of the base directory of relative paths. */
  readonly directory: string;
  /** Home directory that replaces `~`; undefined keeps `~`. */
  readonly home: string | undefined;
}

type Resolve = (value: Tree, options: PathOptions, where: { root: TreeMap; path: Path }) => Tree;

/** Makes the paths of a canonical tree absolute, in place. Throws ComposeError. */
export function resolvePaths(root: TreeMap, options: PathOptions): void {
  applyPathRules(root, resolvers, (value, resolve, path) =>
    resolve(value, options, { root, path }),
  );
}

/** Makes a path absolute and lexically clean; expands `~`. */
export function absolutePath(path: string, options: PathOptions): string {
  if (path === '') return path;
  const expanded = expandHome(path, options.home);
  return posix.isAbsolute(expanded)
    ? expanded
    : withoutSlash(posix.join(options.directory, expanded));
}

function expandHome(path: string, home: string | undefined): string {
  if (home === undefined || !path.startsWith('~')) return path;
  // Like docker compose, `~name` is a folder of the home directory, not another user's.
  return withoutSlash(posix.join(home, path.slice(1)));
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

const toAbsolute: Resolve = (value, options) => {
  if (typeof value === 'string') return absolutePath(value, options);
  if (isList(value)) {
    value.forEach((item, index) => {
      if (typeof item === 'string') value[index] = absolutePath(item, options);
    });
  }
  return value;
};

/** Resolves a path on the host; keeps Windows paths. */
const toHostPath: Resolve = (value, options) => {
  if (typeof value !== 'string' || /^([a-zA-Z]:[\\/]|\\\\)/.test(value)) return value;
  const expanded = expandHome(value, options.home);
  return posix.isAbsolute(expanded)
    ? expanded
    : withoutSlash(posix.join(options.directory, expanded));
};

/** Resolves a build context unless it is a repository, another service or an image. */
const toContext: Resolve = (value, options) => {
  if (typeof value !== 'string' || value.includes('://') || isRemote(value)) return value;
  return absolutePath(value, options);
};

function isRemote(context: string): boolean {
  return ['service:', 'github.com/', 'git@'].some((prefix) => context.startsWith(prefix));
}

const toMount: Resolve = (value, options, { root, path }) => {
  if (!isMap(value) || value.type !== 'bind') return value;
  const source = value.source;
  if (typeof source !== 'string' || source === '') {
    throw errorAt(root, path, 'bind mount has no source; add the path on the host');
  }
  value.source = toHostPath(source, options, { root, path });
  return value;
};

/** Resolves the `device` of a local volume with the option `o: bind`. */
const toDevice: Resolve = (value, options, where) => {
  if (!isMap(value) || value.driver !== 'local') return value;
  const driverOptions = value.driver_opts;
  if (!isMap(driverOptions) || driverOptions.o !== 'bind') return value;
  const device = driverOptions.device;
  if (device !== undefined) driverOptions.device = toHostPath(device, options, where);
  return value;
};

const resolvers = pathRules<Resolve>({
  'services.*.build.context': toContext,
  'services.*.build.additional_contexts.*': toContext,
  'services.*.build.ssh.*': toAbsolute,
  'services.*.env_file.*.path': toAbsolute,
  'services.*.label_file.*': toAbsolute,
  'services.*.extends.file': toAbsolute,
  'services.*.develop.watch.*.path': toAbsolute,
  'services.*.volumes.*': toMount,
  'configs.*.file': toHostPath,
  'secrets.*.file': toHostPath,
  'include.path': toAbsolute,
  'include.project_directory': toAbsolute,
  'include.env_file': toAbsolute,
  'volumes.*': toDevice,
});

/** True for a Compose file that docker compose would fetch from a Git repository or a registry. */
export function isRemoteFile(path: string): boolean {
  return /^(?:[a-z][a-z0-9+.-]*:\/\/|[\w.-]+@[\w.-]+:|github\.com\/)/iu.test(path);
}

export function remoteFileMessage(path: string): string {
  return `file ${path}: remote Compose files are not supported; download it and name the local file`;
}
