import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../../../manager/common/base/errors.js';
import { checkContainerNames, checkProject } from '../check/check-project.js';
import { readFileObject, readModel, readNetwork, readVolume } from '../decode/resources.js';
import { readService } from '../decode/service.js';
import { MappingReader } from '../decode/reader.js';
import { resolveEnvFiles, resolveLabelFiles } from '../interpolation/environment.js';
import { ComposeError, errorAt } from '../error.js';
import {
  findProject,
  type ProjectFileSystem,
  type ProjectFiles,
  type ProjectQuery,
} from './find.js';
import { substitute } from '../interpolation/interpolate.js';
import { loadLayers } from './layers.js';
import type { Project, ComposeService } from '../model.js';
import { normalize } from './normalize.js';
import { splitByProfiles } from './profiles.js';
import { checkProjectName, normalizeProjectName, projectNameOfDirectory } from './project-name.js';
import { selectServices, withoutUnused } from './select.js';
import { checkStrict } from '../check/strict.js';
import { TemplateError } from '../interpolation/template-error.js';
import {
  findMark,
  isMap,
  resolvePosition,
  valueAt,
  type Source,
  type Tree,
  type TreeMap,
} from '../yaml/tree.js';
import { decodeText } from '../yaml/decode-text.js';
import { peekDocuments } from '../yaml/yaml.js';

export interface LoadRequest {
  /** Files of `-f`; `-` is standard input. If empty, COMPOSE_FILE or the default names are used. */
  readonly files?: readonly string[];
  readonly projectName?: string | undefined;
  readonly projectDirectory?: string | undefined;
  readonly envFiles?: readonly string[];
  readonly profiles?: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path of the working directory. */
  readonly cwd: string;
  /** Called once for each warning immediately, even if loading fails later. */
  readonly onWarning?: (message: string) => void;
  /** Restricts the project to these services and their dependencies. */
  readonly services?: readonly string[];
  readonly options?: LoadOptions;
}

/** Passes that `config` can disable. */
export interface LoadOptions {
  readonly interpolate?: boolean;
  readonly normalize?: boolean;
  readonly resolvePaths?: boolean;
  readonly consistency?: boolean;
  readonly resolveEnvironment?: boolean;
  /** Keep networks, volumes, secrets and configs that no service uses. */
  readonly allResources?: boolean;
  readonly nameSeparator?: '_';
}

export interface LoadResult {
  readonly project: Project;
  readonly warnings: readonly string[];
}

/** Finds, reads, merges, validates and completes a project. Rejects with ComposeError. */
export function loadProject(request: LoadRequest): Promise<LoadResult> {
  return Promise.resolve().then(() => loadProjectSync(request));
}

export function loadProjectSync(request: LoadRequest): LoadResult {
  const warnings = new Set<string>();
  const disk = openFileSystem(request, warnings);
  const { tree, found, name } = loadModel(request, disk);
  const options = request.options ?? {};
  const lookup = (key: string): string | undefined => found.environment.get(key);
  if (options.normalize !== false) normalize(tree, name, lookup);
  let project = toProject({ tree, found, name, profiles: profilesOf(request, found) });
  const refuse = (path: readonly (string | number)[], message: string): never => {
    throw errorAt(tree, path, message);
  };
  if (options.consistency !== false) {
    checkProject(project, refuse);
    if (options.interpolate !== false) checkStrict(project, refuse, disk.warn);
  }
  project = selectServices(project, request.services ?? []);
  if (options.consistency !== false) checkContainerNames(project.services, refuse);
  project = resolveFiles(project, options.resolveEnvironment !== false, found, disk);
  const { nameSeparator } = options;
  if (nameSeparator !== undefined) project = { ...project, nameSeparator };
  if (options.allResources !== true) project = withoutUnused(project);
  return { project, warnings: [...warnings] };
}

/** Returns the project's name: reads only `name:` of the files and checks nothing else. */
export function loadProjectName(request: LoadRequest): string {
  const disk = openFileSystem(request, new Set());
  const found = findProject(soughtOf(request), disk);
  return projectName(request, found, disk);
}

function soughtOf(request: LoadRequest): ProjectQuery {
  return {
    files: request.files ?? [],
    projectDirectory: request.projectDirectory,
    envFiles: request.envFiles ?? [],
    env: request.env,
    cwd: request.cwd,
  };
}

/** Returns the merged and completed tree, before decoding, for `config --no-interpolate`. */
export function loadModel(
  request: LoadRequest,
  disk: ProjectFileSystem,
): { tree: TreeMap; found: ProjectFiles; name: string } {
  const found = findProject(soughtOf(request), disk);
  const options = request.options ?? {};
  const name = projectName(request, found, disk);
  const environment = new Map(found.environment);
  if (!environment.has('COMPOSE_PROJECT_NAME')) environment.set('COMPOSE_PROJECT_NAME', name);
  const named = { ...found, environment };
  const tree = loadLayers(
    { files: found.files, directory: found.directory, environment, includeChain: [] },
    disk,
    {
      interpolate: options.interpolate !== false,
      resolvePaths: options.resolvePaths !== false,
    },
  );
  return { tree, found: named, name };
}

/** Creates the file access of one request, which reads each file once. */
export function openFileSystem(request: LoadRequest, warnings: Set<string>): ProjectFileSystem {
  const sources = new Map<string, Source | undefined>();
  return {
    home: request.env.HOME,
    warn: (message) => {
      if (warnings.has(message)) return;
      warnings.add(message);
      request.onWarning?.(message);
    },
    isFile: (path) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false,
    read: (path) => {
      const file = path === '-' ? path : resolve(request.cwd, path);
      if (!sources.has(file)) sources.set(file, readSource(file));
      return sources.get(file);
    },
  };
}

function readSource(path: string): Source | undefined {
  try {
    const bytes = readFileSync(path === '-' ? 0 : path);
    return { file: path === '-' ? '<stdin>' : path, ...decodeText(bytes) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    const reason = code === 'EISDIR' ? 'is a directory; name the file in it' : messageOf(error);
    throw new ComposeError(`cannot read ${path}: ${reason}`, { cause: error });
  }
}

function profilesOf(request: LoadRequest, found: ProjectFiles): string[] {
  const given = request.profiles ?? [];
  if (given.length > 0) return [...given];
  return (found.environment.get('COMPOSE_PROFILES') ?? '')
    .split(',')
    .filter((profile) => profile !== '');
}

function projectName(request: LoadRequest, found: ProjectFiles, disk: ProjectFileSystem): string {
  const explicit = request.projectName ?? found.environment.get('COMPOSE_PROJECT_NAME') ?? '';
  if (explicit !== '') return checkProjectName(explicit);
  const written = writtenName(found, disk, request.options?.interpolate !== false);
  const name = written?.name ?? projectNameOfDirectory(found.directory);
  if (name !== '') return name;
  const message = 'project name must not be empty; set name: in the file or use -p';
  throw written === undefined
    ? new ComposeError(message)
    : errorAt(written.root, ['name'], message);
}

/** Returns the normalized `name:` of the files, empty if its variables are. */
function writtenName(
  found: ProjectFiles,
  disk: ProjectFileSystem,
  interpolate: boolean,
): { readonly name: string; readonly root: TreeMap } | undefined {
  const roots = found.files.flatMap((file) => {
    const source = disk.read(file);
    if (source === undefined)
      throw new ComposeError(`file ${file} does not exist; check -f and COMPOSE_FILE`);
    return peekDocuments(source).map(({ root }) => root);
  });
  const root = roots.findLast(
    (tree) => isMap(tree) && typeof tree.name === 'string' && tree.name !== '',
  );
  if (!isMap(root) || typeof root.name !== 'string') return undefined;
  if (!interpolate) return { name: normalizeProjectName(root.name), root };
  try {
    const value = substitute(root.name, (key) => found.environment.get(key));
    return { name: normalizeProjectName(value), root };
  } catch (error) {
    if (error instanceof TemplateError) throw errorAt(root, ['name'], error.message);
    throw error;
  }
}

interface Parts {
  readonly tree: TreeMap;
  readonly found: ProjectFiles;
  readonly name: string;
  readonly profiles: readonly string[];
}

function toProject({ tree, found, name, profiles }: Parts): Project {
  const root = new MappingReader(tree, [], tree);
  const services = root.byName('services', readService) ?? {};
  const { enabled, disabled } = splitByProfiles(services, profiles);
  return {
    name,
    workingDirectory: found.directory,
    composeFiles: found.files,
    environmentFiles: found.environmentFiles,
    environment: Object.fromEntries(found.environment),
    profiles,
    services: enabled,
    disabledServices: disabled,
    networks: root.byName('networks', readNetwork) ?? {},
    volumes: root.byName('volumes', readVolume) ?? {},
    secrets: root.byName('secrets', readFileObject) ?? {},
    configs: root.byName('configs', readFileObject) ?? {},
    models: root.byName('models', readModel) ?? {},
    extensions: extensionsOf(tree),
    mergedTree: (path) => valueAt(tree, path),
    locate: (path) => locate(tree, path),
  };
}

function locate(tree: Tree, path: readonly (string | number)[]): string {
  const place = resolvePosition(findMark(tree, path));
  const key = path.join('.');
  return place === undefined
    ? key
    : `${place.file}:${String(place.line)}:${String(place.column)}: ${key}`;
}

function extensionsOf(tree: TreeMap): Record<string, unknown> {
  const extensions: Record<string, unknown> = {};
  for (const key of Object.keys(tree)) if (key.startsWith('x-')) extensions[key] = tree[key];
  return extensions;
}

function resolveFiles(
  project: Project,
  withEnvFiles: boolean,
  found: ProjectFiles,
  disk: ProjectFileSystem,
): Project {
  const world = { ...disk, locate: project.locate };
  const services: Record<string, ComposeService> = {};
  for (const [name, service] of Object.entries(project.services)) {
    const labelled = resolveLabelFiles(name, service, world);
    services[name] = withEnvFiles
      ? resolveEnvFiles(name, labelled, found.environment, world)
      : labelled;
  }
  return { ...project, services };
}

/** Reads the contents of a project's secrets and configs, by `KIND/KEY`. Throws ComposeError. */
export function readContents(project: Project): Map<string, Uint8Array> {
  const contents = new Map<string, Uint8Array>();
  for (const kind of ['secrets', 'configs'] as const) {
    for (const [key, object] of Object.entries(project[kind])) {
      if (object.external === true) continue;
      contents.set(`${kind}/${key}`, readContent(project, kind, key));
    }
  }
  return contents;
}

/** Reads the content of a secret or config; throws ComposeError with the place if that fails. */
export function readContent(
  project: Project,
  kind: 'secrets' | 'configs',
  key: string,
): Uint8Array {
  const { file, environment, content } = project[kind][key] ?? {};
  const noun = kind.slice(0, -1);
  if (environment !== undefined) {
    const value = project.environment[environment];
    if (value !== undefined) return Buffer.from(value);
    throw new ComposeError(
      `${project.locate([kind, key])}: environment variable ${environment} of ${noun} ${key} is not set; export it`,
    );
  }
  if (file === undefined) return Buffer.from(content ?? '');
  try {
    return readFileSync(file);
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? 'does not exist; create it'
        : `cannot be read: ${messageOf(error)}`;
    throw new ComposeError(
      `${project.locate([kind, key])}: file ${file} of ${noun} ${key} ${reason}`,
      { cause: error },
    );
  }
}
