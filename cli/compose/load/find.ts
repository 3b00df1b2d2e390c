import { dirname, join, resolve } from 'node:path';
import { isRemoteFile, remoteFile } from './paths.js';
import { parseDotenv } from '../interpolation/dotenv.js';
import { ComposeError } from '../error.js';
import type { World } from './layers.js';

/** Names looked for, the first found is taken. */
const fileNames = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const overrideNames = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

export interface Sought {
  readonly files: readonly string[];
  readonly projectDirectory: string | undefined;
  readonly envFiles: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export interface Found {
  readonly files: readonly string[];
  readonly directory: string;
  /** The process environment over the `.env` files. */
  readonly environment: ReadonlyMap<string, string>;
  readonly environmentFiles: readonly string[];
}

export interface Disk extends World {
  readonly isFile: (path: string) => boolean;
}

/**
 * Which files make up the project and in which environment they are read: `-f`, else COMPOSE_FILE, else
 * a file of a known name here or above, with its override beside it. `--env-file` or COMPOSE_ENV_FILES
 * stand in for `.env`, which is read here and in the project's directory.
 */
export function findProject(sought: Sought, disk: Disk): Found {
  const environment = new Map<string, string>();
  for (const [name, value] of Object.entries(sought.env))
    if (value !== undefined) environment.set(name, value);
  if (!environment.has('PWD')) environment.set('PWD', sought.cwd);
  const given = envFilesOf(sought, environment);
  const absolute = (path: string): string => {
    if (isRemoteFile(path)) throw new ComposeError(remoteFile(path));
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

function envFilesOf(sought: Sought, environment: ReadonlyMap<string, string>): string[] {
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
  disk: Disk,
): void {
  const disabled = /^(1|t|true)$/i.test(environment.get('COMPOSE_DISABLE_ENV_FILE') ?? '');
  const beside = join(directory, '.env');
  const files = given.length > 0 ? given : !disabled && disk.isFile(beside) ? [beside] : [];
  const found = new Map<string, string>();
  for (const file of files) {
    const source = disk.read(file);
    if (source === undefined) throw new ComposeError(`couldn't find env file: ${file}`);
    parseDotenv(source, found, (name) => environment.get(name));
  }
  for (const [name, value] of found) if (!environment.has(name)) environment.set(name, value);
}

function discover(start: string, disk: Disk): string[] {
  for (let directory = start; ; directory = dirname(directory)) {
    const here = fileNames.map((name) => join(directory, name)).filter((file) => disk.isFile(file));
    const [first, ...others] = here;
    if (first !== undefined) {
      if (others.length > 0)
        disk.warn(`found several compose files, using ${first} and not ${others.join(', ')}`);
      const overrides = overrideNames
        .map((name) => join(directory, name))
        .filter((file) => disk.isFile(file));
      if (overrides.length > 1)
        disk.warn(`found several override files, using ${overrides[0] ?? ''}`);
      return [first, ...overrides.slice(0, 1)];
    }
    if (dirname(directory) === directory) break;
  }
  throw new ComposeError(
    `no configuration file provided: there is no compose.yaml or docker-compose.yml in ${start} or above, name one with -f`,
  );
}
