import { errorAt } from '../error.js';
import { applyResets, mergeTrees } from './merge.js';
import { cloneTree, isMap, newMap, type Path, type Tree, type TreeMap } from '../yaml/tree.js';

export interface ExtendsContext {
  readonly root: TreeMap;
  /** The file whose services are looked at, absolute. */
  readonly file: string;
  /** `!reset` and `!override` paths of the files on the way. */
  readonly resets: readonly Path[];
  /**
   * The services of another file: canonical, interpolated, paths absolute, their own `extends` not yet
   * applied. Throws when there is no such file.
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

/** Far more than anyone writes, and well within the stack. */
const maxSteps = 500;

/** Puts under each service what it `extends`, in place. */
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
  const here = { file: context.file, service: name };
  if (steps.some((step) => step.file === here.file && step.service === here.service)) {
    throw errorAt(
      context.root,
      origin,
      `services extend each other in a circle: ${circle([...steps, here])}`,
    );
  }
  if (steps.length >= maxSteps) {
    throw errorAt(
      context.root,
      origin,
      `services extend each other more than ${String(maxSteps)} deep`,
    );
  }
  const next =
    reference.file === undefined ? context : fileContext(reference.file, context, origin);
  const others = reference.file === undefined ? services : next.root.services;
  if (!isMap(others) || others[reference.service] === undefined) {
    throw errorAt(context.root, origin, `service "${reference.service}" is not in ${next.file}`);
  }
  const base = extended(reference.service, others, next, [...steps, here]);
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
      'needs the name of a service, write extends: {service: NAME}',
    );
  }
  const file = value.file ?? undefined;
  if (file !== undefined && typeof file !== 'string') {
    throw errorAt(context.root, [...path, 'extends', 'file'], 'must be the path of a file');
  }
  return { service: name, file };
}

function circle(steps: readonly Step[]): string {
  return steps.map((step) => `${step.service} in ${step.file}`).join(' -> ');
}
