import { posix } from 'node:path';
import { errorAt } from '../error.js';
import { changeAt, pathRules } from './path-rules.js';
import { isList, isMap, type Path, type Tree, type TreeMap } from '../yaml/tree.js';

export interface PathOptions {
  /** Absolute; relative paths are of here. */
  readonly directory: string;
  /** What `~` stands for; undefined leaves it. */
  readonly home: string | undefined;
}

type Resolve = (value: Tree, options: PathOptions, where: { root: TreeMap; path: Path }) => Tree;

/** Makes the paths of a canonical tree absolute, in place. */
export function resolvePaths(root: TreeMap, options: PathOptions): void {
  changeAt(root, resolvers, (value, resolve, path) => resolve(value, options, { root, path }));
}

/** Absolute and lexically clean; `~` is the home directory. */
export function absolutePath(path: string, options: PathOptions): string {
  if (path === '') return path;
  const expanded = expandHome(path, options.home);
  return posix.isAbsolute(expanded)
    ? expanded
    : withoutSlash(posix.join(options.directory, expanded));
}

function expandHome(path: string, home: string | undefined): string {
  if (home === undefined || !path.startsWith('~')) return path;
  if (path === '~') return home;
  return path.startsWith('~/') ? withoutSlash(posix.join(home, path.slice(2))) : path;
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

/** A mount's path, which may be one of Windows. */
const toHostPath: Resolve = (value, options) => {
  if (typeof value !== 'string' || /^([a-zA-Z]:[\\/]|\\\\)/.test(value)) return value;
  const expanded = expandHome(value, options.home);
  return posix.isAbsolute(expanded)
    ? expanded
    : withoutSlash(posix.join(options.directory, expanded));
};

/** A build context may be a repository, another service, an image. */
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
    throw errorAt(root, path, 'bind mount has no source, add the path on the host');
  }
  value.source = toHostPath(source, options, { root, path });
  return value;
};

/** A local volume of type bind is a path of the host. */
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

/** A Compose file that docker compose would fetch: from a git repository or a registry. */
export function isRemoteFile(path: string): boolean {
  return /^(?:[a-z][a-z0-9+.-]*:\/\/|[\w.-]+@[\w.-]+:|github\.com\/)/iu.test(path);
}

export function remoteFile(path: string): string {
  return `file ${path} is remote, which is not supported: fetch it and name the local file`;
}
