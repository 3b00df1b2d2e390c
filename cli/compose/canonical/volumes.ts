import { posix } from 'node:path';
import { errorAt } from '../error.js';
import {
  isMap,
  newMap,
  withMark,
  type SourceMark,
  type Path,
  type Tree,
  type TreeMap,
} from '../yaml/tree.js';

export interface ParsedMount {
  readonly type: 'bind' | 'volume';
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly noCopy: boolean;
  readonly propagation: string;
  readonly selinux: string;
}

const propagations = new Set(['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave']);

/**
 * Parses `[SOURCE:]TARGET[:OPTIONS]`. Throws Error.
 */
export function parseMount(spec: string): ParsedMount {
  if (spec === '') throw new Error('mount is empty; write [SOURCE:]TARGET');
  const parts = splitMount(spec);
  if (parts.some((part) => part === ''))
    throw new Error(
      `mount "${spec}" has an empty section between colons; write [SOURCE:]TARGET[:OPTIONS]`,
    );
  if (parts.length > 3)
    throw new Error(`mount "${spec}" has too many colons; write [SOURCE:]TARGET[:OPTIONS]`);
  const [source, target] =
    parts.length === 1 ? ['', parts[0] ?? ''] : [parts[0] ?? '', parts[1] ?? ''];
  const options = parts[2]?.split(',') ?? [];
  return {
    type: isFilePath(source) ? 'bind' : 'volume',
    source,
    target,
    readOnly: options.lastIndexOf('ro') > options.lastIndexOf('rw'),
    noCopy: options.includes('nocopy'),
    propagation: options.findLast((option) => propagations.has(option)) ?? '',
    selinux: options.findLast((option) => option === 'z' || option === 'Z') ?? '',
  };
}

function splitMount(spec: string): string[] {
  if (!spec.includes('${')) return joinDrives(spec.split(':'), spec);
  const parts = [''];
  let open = 0;
  for (let at = 0; at < spec.length; at += 1) {
    if (spec.startsWith('${', at)) open += 1;
    else if (spec[at] === '}' && open > 0) open -= 1;
    if (spec[at] === ':' && open === 0) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${spec[at] ?? ''}`);
  }
  return joinDrives(parts, spec);
}

function joinDrives(parts: readonly string[], spec: string): string[] {
  const joined: string[] = [];
  let at = 0;
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index] ?? '';
    at += part.length + 1;
    const next = parts[index + 1];
    if (next !== undefined && isDrive(part, spec.slice(at))) {
      joined.push(`${part}:${next}`);
      at += next.length + 1;
      index += 1;
    } else joined.push(part);
  }
  return joined;
}

/** True for the drive in `C:\data` and `C:/data:/data`; false for volume `v` in `v:/data:ro`. */
function isDrive(part: string, rest: string): boolean {
  if (part.length !== 1 || !/^\p{L}$/u.test(part)) return false;
  return rest.startsWith('\\') || /^\/[^:]*:(\/|\\|\p{L}:)/u.test(rest);
}

function isFilePath(source: string): boolean {
  return /^[./~]/.test(source) || source.startsWith('\\\\') || /^\p{L}:/u.test(source);
}

/** Normalizes a path like Go's path.Clean: `/a/` becomes `/a`. */
export function cleanTarget(target: string): string {
  if (target === '') return '';
  const clean = posix.normalize(target);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}

export function canonicalMount(
  value: Tree,
  path: Path,
  root: TreeMap,
  mark: SourceMark | undefined,
): Tree {
  if (typeof value !== 'string') return isMap(value) ? cleanedMount(value) : value;
  let parsed: ParsedMount;
  try {
    parsed = parseMount(value);
  } catch (error) {
    throw errorAt(root, path, error instanceof Error ? error.message : String(error));
  }
  return longForm(parsed, value, mark);
}

function longForm(parsed: ParsedMount, spec: string, mark: SourceMark | undefined): TreeMap {
  const mount = withMark(newMap(), mark);
  mount.type = parsed.type;
  if (parsed.source !== '') mount.source = parsed.source;
  mount.target = cleanTarget(parsed.target);
  if (parsed.readOnly) mount.read_only = true;
  const bind = bindOptions(parsed);
  if (Object.keys(bind).length > 0) mount.bind = bind;
  // docker compose omits options for specs of one or two characters; the config hash includes them.
  if (parsed.noCopy || (parsed.type === 'volume' && spec.length > 2)) {
    const volume = newMap();
    if (parsed.noCopy) volume.nocopy = true;
    mount.volume = volume;
  }
  return mount;
}

function bindOptions(parsed: ParsedMount): TreeMap {
  const bind = newMap();
  if (parsed.type === 'bind') bind.create_host_path = true;
  if (parsed.propagation !== '') bind.propagation = parsed.propagation;
  if (parsed.selinux !== '') bind.selinux = parsed.selinux;
  return bind;
}

function cleanedMount(mount: TreeMap): TreeMap {
  const target = mount.target;
  if (typeof target === 'string') mount.target = cleanTarget(target);
  return mount;
}
