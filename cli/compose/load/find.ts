import { dirname, join, resolve } from 'node:path';
import { isRemoteFile, remoteFileMessage } from './paths.js';
import { parseDotenv } from '../interpolation/dotenv.js';
import { ComposeError } from '../error.js';
import type { LoaderContext } from './layers.js';

/** Default file names in order of precedence. */
const fileNames = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const overrideNames = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

export interface ProjectQuery {
  readonly files: readonly string[];
  readonly projectDirectory: string | undefined;
  readonly envFiles: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export interface ProjectFiles {
  readonly files: readonly string[];
  readonly directory: string;
  /** The process environment over the `.env` files. */
  readonly environment: ReadonlyMap<string, string>;
  readonly environmentFiles: readonly string[];
}

export interface ProjectFileSystem extends LoaderContext {
  readonly isFile: (path: string) => boolean;
}

/**
 * Finds the project's files and environment. Files: `-f`, else COMPOSE_FILE, else the first default
 * name in the working directory or a parent, with its override file. `--env-file` or
 * COMPOSE_ENV_FILES replace `.env`, which is read from the working directory and the project's
 * directory. Throws ComposeError.
 */
export function findProject(sought: ProjectQuery, disk: ProjectFileSystem): ProjectFiles {
  const environment = new Map<string, string>();
  for (const [name, value] of Object.entries(sought.env))
    if (value !== undefined) environment.set(name, value);
  if (!environment.has('PWD')) environment.set('PWD', sought.cwd);
  const given = envFilesOf(sought, environment);
  const absolute = (path: string): string => {
    if (isRemoteFile(path)) throw new ComposeError(remoteFileMessage(path));
    return path === '-' ? path : resolve(sought.cwd, path);
  };
  let files = sought.files.map(absolute);
  const directory = (): string => {
    if (sought.projectDirectory !== undefined && sought.projectDirectory !== '') {
      return resolve(sought.cwd, sought.projectDirectory);
    }
    const first = files.find((file) => file !== '-');
    return first === undefined ? sought.cwd : dirname(first);
  };
  readEnvironment(environment, given, directory(), disk);
  if (files.length === 0) files = filesOfEnvironment(environment).map(absolute);
  if (files.length === 0) files = discover(directory(), disk);
  if (given.length === 0) readEnvironment(environment, given, directory(), disk);
  return { files, directory: directory(), environment, environmentFiles: given };
}

function envFilesOf(sought: ProjectQuery, environment: ReadonlyMap<string, string>): string[] {
  const given =
    sought.envFiles.length > 0
      ? sought.envFiles
      : (environment.get('COMPOSE_ENV_FILES') ?? '').split(',').filter((file) => file !== '');
  return given.map((file) => resolve(sought.cwd, file));
}

function filesOfEnvironment(environment: ReadonlyMap<string, string>): string[] {
  const separator = environment.get('COMPOSE_PATH_SEPARATOR') ?? ':';
  const value = environment.get('COMPOSE_FILE') ?? '';
  return value === '' ? [] : value.split(separator);
}

function readEnvironment(
  environment: Map<string, string>,
  given: readonly string[],
  directory: string,
  disk: ProjectFileSystem,
): void {
  const disabled = /^(1|t|true)$/i.test(environment.get('COMPOSE_DISABLE_ENV_FILE') ?? '');
  const standard = join(directory, '.env');
  const files = given.length > 0 ? given : !disabled && disk.isFile(standard) ? [standard] : [];
  const found = new Map<string, string>();
  for (const file of files) {
    const source = disk.read(file);
    if (source === undefined)
      throw new ComposeError(
        `couldn't find env file: ${file}; check --env-file and COMPOSE_ENV_FILES`,
      );
    parseDotenv(source, found, (name) => environment.get(name));
  }
  for (const [name, value] of found) if (!environment.has(name)) environment.set(name, value);
}

function discover(start: string, disk: ProjectFileSystem): string[] {
  for (let directory = start; ; directory = dirname(directory)) {
    const [first, ...others] = fileNames
      .map((name) => join(directory, name))
      .filter((file) => disk.isFile(file));
    if (first !== undefined) {
      if (others.length > 0)
        disk.warn(`found multiple compose files; using ${first}, ignoring ${others.join(', ')}`);
      const overrides = overrideNames
        .map((name) => join(directory, name))
        .filter((file) => disk.isFile(file));
      if (overrides.length > 1)
        disk.warn(`found multiple override files; using ${overrides[0] ?? ''}`);
      return [first, ...overrides.slice(0, 1)];
    }
    if (dirname(directory) === directory) break;
  }
  throw new ComposeError(
    `no configuration file provided: no compose.yaml or docker-compose.yml in ${start} or a parent directory; name a file with -f`,
  );
}
