import { canonicalTree } from '../canonical/canonical.js';
import { parseDotenv } from '../interpolation/dotenv.js';
import { ComposeError, errorAt } from '../error.js';
import { applyExtends, type ExtendedFile } from './extends.js';
import {
  importResources,
  includesOf,
  refuseConflicts,
  type Include,
  type SharedResource,
} from './include.js';
import { interpolateTree, type Lookup } from '../interpolation/interpolate.js';
import { applyResets, mergeTrees } from './merge.js';
import { absolutePath, isRemoteFile, remoteFileMessage, resolvePaths } from './paths.js';
import { checkTree } from '../check/check-tree.js';
import { omitEmpty, setDefaults } from './defaults.js';
import {
  isList,
  isMap,
  newMap,
  type Path,
  type Source,
  type Tree,
  type TreeMap,
} from '../yaml/tree.js';
import { removeDuplicates } from '../check/unique.js';
import { validateSchema } from '../check/validate.js';
import { takeDocuments } from '../yaml/yaml.js';
import type { YamlDocument } from '../yaml/yaml-builder.js';

/** File access and warnings for the passes of the loader, which do no I/O themselves. */
export interface LoaderContext {
  /** Returns undefined if the file does not exist; throws if it cannot be read. */
  readonly read: (path: string) => Source | undefined;
  readonly home: string | undefined;
  readonly warn: (message: string) => void;
}

export interface LayerOptions {
  readonly interpolate: boolean;
  readonly resolvePaths: boolean;
}

/** An ordered set of files that override each other, with their directory and environment. */
export interface Layers {
  readonly files: readonly string[];
  readonly directory: string;
  readonly environment: ReadonlyMap<string, string>;
  /** Chain of files that led here by `include`, for the detection of cycles. */
  readonly includeChain: readonly string[];
}

/**
 * Reads, merges, validates and completes a set of files, with all files that they extend and
 * include. Throws ComposeError.
 */
export function loadLayers(layers: Layers, world: LoaderContext, options: LayerOptions): TreeMap {
  const loader = new LayerLoader(layers, world, options);
  let tree = newMap();
  for (const file of layers.files) tree = loader.addFile(tree, file);
  setDefaults(tree);
  checkTree(tree);
  if (options.resolvePaths) resolvePaths(tree, { directory: layers.directory, home: world.home });
  if (options.interpolate) resolveEnvironmentLists(tree, loader.lookup);
  return tree;
}

class LayerLoader {
  readonly lookup: Lookup;
  readonly #layers: Layers;
  readonly #world: LoaderContext;
  readonly #options: LayerOptions;
  readonly #extended = new Map<string, ExtendedFile>();

  constructor(layers: Layers, world: LoaderContext, options: LayerOptions) {
    this.#layers = layers;
    this.#world = world;
    this.#options = options;
    this.lookup = (name) => layers.environment.get(name);
  }

  addFile(tree: TreeMap, file: string): TreeMap {
    let merged = tree;
    for (const { root, resets } of this.#documents(file)) {
      const layer = this.#mapping(root, file);
      this.#interpolate(layer);
      // Includes come first, so that a service can extend one of an included project.
      const shared = includesOf(layer).flatMap((include) => this.#include(include, layer, file));
      applyExtends({
        root: layer,
        file,
        resets,
        load: (path, at) => this.#loadExtended(path, at, layer),
      });
      refuseConflicts(shared, layer);
      applyResets(merged, resets);
      delete layer.include;
      merged = removeDuplicates(mergeTrees(merged, layer));
      validateSchema(merged);
      this.#warnOfVersion(merged, file);
      merged = this.#canonical(merged);
    }
    return merged;
  }

  #documents(file: string): YamlDocument[] {
    const source = this.#world.read(file);
    if (source === undefined)
      throw new ComposeError(`file ${file} does not exist; check -f and COMPOSE_FILE`);
    const documents = takeDocuments(source);
    if (documents.length === 0) throw emptyFile(file);
    for (const document of documents) document.unknownTags.forEach(this.#world.warn);
    return documents;
  }

  #mapping(root: Tree, file: string): TreeMap {
    if (isMap(root)) return root;
    if (root === null) throw emptyFile(file);
    throw new ComposeError('top level must be a mapping; add the key services', {
      place: { file, line: 1, column: 1 },
    });
  }

  #interpolate(layer: TreeMap): void {
    if (this.#options.interpolate)
      interpolateTree(layer, { lookup: this.lookup, warn: this.#world.warn });
  }

  #canonical(tree: TreeMap): TreeMap {
    canonicalTree(tree, { lenient: !this.#options.interpolate, warn: this.#world.warn });
    omitEmpty(tree);
    return removeDuplicates(tree);
  }

  #warnOfVersion(tree: TreeMap, file: string): void {
    if (!('version' in tree)) return;
    delete tree.version;
    this.#world.warn(`${file}: the attribute \`version\` is obsolete and ignored; remove it`);
  }

  #loadExtended(path: string, at: Path, layer: TreeMap): ExtendedFile {
    if (isRemoteFile(path)) throw errorAt(layer, at, remoteFileMessage(path));
    const file = absolutePath(path, { directory: this.#layers.directory, home: this.#world.home });
    const known = this.#extended.get(file);
    if (known !== undefined) return known;
    if (this.#world.read(file) === undefined)
      throw errorAt(layer, at, `extended file ${file} does not exist; check extends.file`);
    let tree = newMap();
    const resets: Path[] = [];
    for (const document of this.#documents(file)) {
      const root = this.#mapping(document.root, file);
      this.#interpolate(root);
      applyResets(tree, document.resets);
      tree = this.#canonical(removeDuplicates(mergeTrees(tree, root)));
      resets.push(...document.resets);
    }
    if (!isMap(tree.services ?? null))
      throw errorAt(layer, at, `extended file ${file} has no services; add the key services`);
    resolvePaths(tree, { directory: directoryOf(file), home: this.#world.home });
    const loaded = { file, root: tree, resets };
    this.#extended.set(file, loaded);
    return loaded;
  }

  #include(include: Include, layer: TreeMap, file: string): SharedResource[] {
    const remote = include.paths.find(isRemoteFile);
    if (remote !== undefined) throw errorAt(layer, include.at, remoteFileMessage(remote));
    const files = include.paths.map((path) => this.#absolute(path));
    const main = files[0] ?? '';
    const chain = [...this.#layers.includeChain, file];
    if (chain.includes(main)) {
      throw errorAt(
        layer,
        include.at,
        `include cycle detected: ${[...chain, main].join(' -> ')}; remove one of these includes`,
      );
    }
    for (const path of files) {
      if (this.#world.read(path) === undefined)
        throw errorAt(layer, include.at, `included file ${path} does not exist; check the path`);
    }
    const directory =
      include.projectDirectory === undefined
        ? directoryOf(main)
        : this.#absolute(include.projectDirectory);
    const environment = this.#includedEnvironment(include, layer, directory);
    const layers = { files, directory, environment, includeChain: chain };
    const imported = loadLayers(layers, this.#world, { ...this.#options, resolvePaths: true });
    return importResources(imported, layer);
  }

  #absolute(path: string): string {
    return absolutePath(path, { directory: this.#layers.directory, home: this.#world.home });
  }

  /**
   * Environment of an included project: its `.env` files below the including project's environment.
   */
  #includedEnvironment(
    include: Include,
    layer: TreeMap,
    directory: string,
  ): ReadonlyMap<string, string> {
    const given = include.envFiles.map((path) => this.#absolute(path));
    const files = given.length > 0 ? given : [`${directory}/.env`];
    const found = new Map<string, string>();
    for (const path of files) {
      const source = this.#world.read(path);
      if (source === undefined) {
        if (given.length === 0) continue;
        throw errorAt(
          layer,
          [...include.at, 'env_file'],
          `env file ${path} not found; check the path`,
        );
      }
      parseDotenv(source, found, this.lookup);
    }
    return new Map([...found, ...this.#layers.environment]);
  }
}

function directoryOf(file: string): string {
  return file.slice(0, Math.max(1, file.lastIndexOf('/')));
}

function emptyFile(file: string): ComposeError {
  return new ComposeError('compose file is empty; add the key services', {
    place: { file, line: 1, column: 1 },
  });
}

/** Resolves `- NAME` items of `environment` lists against the environment of the file. */
function resolveEnvironmentLists(tree: TreeMap, lookup: Lookup): void {
  const services = tree.services;
  if (!isMap(services)) return;
  for (const service of Object.values(services)) {
    const list = isMap(service) ? service.environment : undefined;
    if (!isList(list)) continue;
    list.forEach((item, index) => {
      if (typeof item !== 'string') return;
      const value = lookup(item);
      if (value !== undefined) list[index] = `${item}=${value}`;
    });
  }
}
