import { errorAt } from '../error.js';
import { applyResets, mergeTrees } from './merge.js';
import { cloneTree, isMap, newMap, type Path, type Tree, type TreeMap } from '../yaml/tree.js';

export interface ExtendsContext {
  readonly root: TreeMap;
  /** Absolute path of the file that `root` was read from. */
  readonly file: string;
  /** `!reset` and `!override` paths of all files in the chain. */
  readonly resets: readonly Path[];
  /**
   * Loads the services of another file: canonical, interpolated, with absolute paths, `extends` not
   * yet applied. Throws ComposeError if the file does not exist.
   */
  readonly load: (path: string, from: Path) => ExtendedFile;
}

export interface ExtendedFile {
  readonly file: string;
  readonly root: TreeMap;
  readonly resets: readonly Path[];
}

interface Step {
  readonly file: string;
  readonly service: string;
}

/** Limit of the recursion: far beyond real files, and well within the stack. */
const maxSteps = 500;

/** Merges each service over the service that it `extends`, in place. Throws ComposeError. */
export function applyExtends(context: ExtendsContext): void {
  const services = context.root.services;
  if (services === undefined || services === null) return;
  if (!isMap(services)) throw errorAt(context.root, ['services'], 'must be a mapping of services');
  for (const name of Object.keys(services)) services[name] = extended(name, services, context, []);
}

function extended(
  name: string,
  services: TreeMap,
  context: ExtendsContext,
  steps: readonly Step[],
): Tree {
  const service = services[name] ?? null;
  if (service === null) return null;
  const path = ['services', name];
  if (!isMap(service)) throw errorAt(context.root, path, 'must be a mapping');
  const reference = referenceOf(service, path, context);
  if (reference === undefined) return service;
  const origin = [...path, 'extends'];
  const current = { file: context.file, service: name };
  if (steps.some((step) => step.file === current.file && step.service === current.service)) {
    throw errorAt(
      context.root,
      origin,
      `extends cycle detected: ${chainText([...steps, current])}; remove one of these extends`,
    );
  }
  if (steps.length >= maxSteps) {
    throw errorAt(
      context.root,
      origin,
      `extends chain is longer than ${String(maxSteps)} services; shorten it`,
    );
  }
  const next =
    reference.file === undefined ? context : fileContext(reference.file, context, origin);
  const candidates = reference.file === undefined ? services : next.root.services;
  if (!isMap(candidates) || candidates[reference.service] === undefined) {
    throw errorAt(
      context.root,
      origin,
      `service "${reference.service}" not found in ${next.file}${next.root.include === undefined ? '' : ' and its includes'}; check extends.service`,
    );
  }
  const base = extended(reference.service, candidates, next, [...steps, current]);
  if (base === null) return service;
  const source = cloneTree(base);
  applyResets(wrapped(name, source), next.resets);
  const merged = mergeTrees(source as TreeMap, service, path);
  delete merged.extends;
  services[name] = merged;
  return merged;
}

function wrapped(name: string, service: Tree): TreeMap {
  const services = newMap();
  services[name] = service;
  const root = newMap();
  root.services = services;
  return root;
}

function fileContext(file: string, context: ExtendsContext, origin: Path): ExtendsContext {
  const loaded = context.load(file, origin);
  return {
    root: loaded.root,
    file: loaded.file,
    resets: [...context.resets, ...loaded.resets],
    load: context.load,
  };
}

function referenceOf(
  service: TreeMap,
  path: Path,
  context: ExtendsContext,
): { service: string; file: string | undefined } | undefined {
  const value = service.extends;
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return { service: value, file: undefined };
  const name = isMap(value) ? value.service : undefined;
  if (!isMap(value) || typeof name !== 'string') {
    throw errorAt(
      context.root,
      [...path, 'extends'],
      'names no service; write extends: {service: NAME}',
    );
  }
  const file = value.file ?? undefined;
  if (file !== undefined && typeof file !== 'string') {
    throw errorAt(context.root, [...path, 'extends', 'file'], 'must be the path of a file');
  }
  return { service: name, file };
}

function chainText(steps: readonly Step[]): string {
  return steps.map((step) => `${step.service} in ${step.file}`).join(' -> ');
}
