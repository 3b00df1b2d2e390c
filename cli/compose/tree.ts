/** Where something stands: `line` and `column` count from 1; 0 when only the file is known. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * A Compose file between its text and the model: plain values, with the places of keys and items kept
 * beside the containers so that any later message can say where a thing was written.
 */
export type Tree =
  null | boolean | number | bigint | string | Float | Timestamp | TreeMap | TreeList;
/** Without a prototype: keys come from users. */
export interface TreeMap {
  [key: string]: Tree;
}
export type TreeList = Tree[];

export type Path = readonly (string | number)[];

/** A float with an integral value (`3.0`), an infinity or NaN: they print unlike the integer. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** An unquoted date, which no Compose field takes. */
export class Timestamp {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export interface Source {
  readonly file: string;
  readonly text: string;
}

export interface Mark {
  readonly source: Source;
  readonly offset: number;
}

interface Marks {
  readonly at: Mark | undefined;
  readonly items: Map<string | number, Mark>;
}

/** Beside the containers and not in them, so that a tree is plain data to the schema and to spreads. */
const marksOf = new WeakMap<object, Marks>();

export function newMap(at?: Mark): TreeMap {
  const map = Object.create(null) as TreeMap;
  if (at !== undefined) marksOf.set(map, { at, items: new Map() });
  return map;
}

export function newList(at?: Mark): TreeList {
  const list: TreeList = [];
  if (at !== undefined) marksOf.set(list, { at, items: new Map() });
  return list;
}

export function isMap(value: Tree | undefined): value is TreeMap {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Float) &&
    !(value instanceof Timestamp)
  );
}

export function isList(value: Tree | undefined): value is TreeList {
  return Array.isArray(value);
}

/** Notes where `key` of `container` stands. */
export function setMark(container: object, key: string | number, mark: Mark | undefined): void {
  if (mark === undefined) return;
  let marks = marksOf.get(container);
  if (marks === undefined) {
    marks = { at: undefined, items: new Map() };
    marksOf.set(container, marks);
  }
  marks.items.set(key, mark);
}

export function markOf(container: object, key: string | number): Mark | undefined {
  return marksOf.get(container)?.items.get(key);
}

/** Where a container begins. */
export function startOf(container: object): Mark | undefined {
  return marksOf.get(container)?.at;
}

/** Makes `made`, a long form, stand where `from`, its short form, stood. */
export function standAt<T extends object>(made: T, mark: Mark | undefined): T {
  if (mark !== undefined && !marksOf.has(made)) marksOf.set(made, { at: mark, items: new Map() });
  return made;
}

/** Sets a key and takes its place over from another container. */
export function put(target: TreeMap, key: string, value: Tree, from: object): void {
  target[key] = value;
  setMark(target, key, markOf(from, key));
}

/** A list with the places of its items, which may come from several lists. */
export function listOf(
  items: readonly { readonly value: Tree; readonly mark: Mark | undefined }[],
  at: Mark | undefined,
): TreeList {
  const list = newList(at);
  for (const item of items) {
    setMark(list, list.length, item.mark);
    list.push(item.value);
  }
  return list;
}

export function itemsOf(list: TreeList): { value: Tree; mark: Mark | undefined }[] {
  return list.map((value, index) => ({ value, mark: markOf(list, index) ?? startOf(list) }));
}

/** A copy that shares nothing but scalars; places are kept. */
export function cloneTree(value: Tree): Tree {
  if (isList(value)) {
    const list = newList(startOf(value));
    value.forEach((item, index) => {
      list.push(cloneTree(item));
      setMark(list, index, markOf(value, index));
    });
    return list;
  }
  if (!isMap(value)) return value;
  const map = newMap(startOf(value));
  for (const key of Object.keys(value)) put(map, key, cloneTree(value[key] as Tree), value);
  return map;
}

/** The mark of the deepest part of `path` that is known. */
export function findMark(root: Tree, path: Path): Mark | undefined {
  let node: Tree | undefined = root;
  let mark = typeof root === 'object' && root !== null ? startOf(root) : undefined;
  for (const key of path) {
    if (typeof node !== 'object' || node === null) break;
    mark = markOf(node, key) ?? mark;
    node = (node as Record<string | number, Tree>)[key];
    if (typeof node === 'object' && node !== null && mark === undefined) mark = startOf(node);
  }
  return mark;
}

const lineStarts = new WeakMap<Source, number[]>();

export function placeOf(mark: Mark | undefined): Place | undefined {
  if (mark === undefined) return undefined;
  let starts = lineStarts.get(mark.source);
  if (starts === undefined) {
    starts = [0];
    for (
      let at = mark.source.text.indexOf('\n');
      at >= 0;
      at = mark.source.text.indexOf('\n', at + 1)
    ) {
      starts.push(at + 1);
    }
    lineStarts.set(mark.source, starts);
  }
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= mark.offset) low = middle;
    else high = middle - 1;
  }
  return { file: mark.source.file, line: low + 1, column: mark.offset - (starts[low] ?? 0) + 1 };
}

export function pathText(path: Path): string {
  return path.map(String).join('.');
}

interface Branch<T> {
  readonly next: Map<string, Branch<T>>;
  value?: T;
}

/**
 * A table of rules by path pattern, in which `*` stands for any one key or index
 * (`services.*.ports.*.target`). Returns the look-up; an exact key goes before `*`.
 */
export function pathTable<T>(entries: Readonly<Record<string, T>>): (path: Path) => T | undefined {
  const root: Branch<T> = { next: new Map() };
  for (const [pattern, value] of Object.entries(entries)) {
    let branch = root;
    for (const part of pattern.split('.')) {
      let next = branch.next.get(part);
      if (next === undefined) branch.next.set(part, (next = { next: new Map() }));
      branch = next;
    }
    branch.value = value;
  }
  const find = (branch: Branch<T>, path: Path, at: number): T | undefined => {
    if (at === path.length) return branch.value;
    const exact = branch.next.get(String(path[at]));
    const found = exact === undefined ? undefined : find(exact, path, at + 1);
    if (found !== undefined) return found;
    const any = branch.next.get('*');
    return any === undefined ? undefined : find(any, path, at + 1);
  };
  return (path) => find(root, path, 0);
}

/** The value at a path, or undefined. */
export function valueAt(root: Tree, path: Path): Tree | undefined {
  let node: Tree | undefined = root;
  for (const key of path) {
    if (typeof node !== 'object' || node === null) return undefined;
    node = (node as Record<string | number, Tree>)[key];
  }
  return node;
}
