/** A position in a file: `line` and `column` count from 1; both are 0 if only the file is known. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * The intermediate form of a Compose file between text and model: plain values. Containers carry
 * the source positions of their keys and items, so that any later message can give a place.
 */
export type Tree =
  null | boolean | number | bigint | string | Float | Timestamp | TreeMap | TreeList;
/** A mapping without a prototype, because keys come from users. */
export interface TreeMap {
  [key: string]: Tree;
}
export type TreeList = Tree[];

export type Path = readonly (string | number)[];

/**
 * A float with an integral value (`3.0`), an infinity or NaN, which print differently from
 * integers.
 */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** An unquoted date, which no Compose field accepts. */
export class Timestamp {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export interface Source {
  readonly file: string;
  readonly text: string;
  /** Offset of the first byte that is not UTF-8; absent if there is none. */
  readonly invalidAt?: number;
}

/** A source position. The offset of `key` is resolved lazily, when a message needs the place. */
export interface SourceMark {
  readonly source: Source;
  /** Offset of the container that holds `key`; without `key`, offset of the value itself. */
  readonly offset: number;
  readonly key?: string | number;
}

interface Marks {
  readonly at: SourceMark | undefined;
  /** Positions of keys that were added or moved after parsing. */
  moved?: Map<string | number, SourceMark>;
}

/**
 * Stores marks on the container itself, under a symbol that iteration over keys does not see. With
 * a WeakMap, garbage collection of the marks of 2,000 services took longer than all passes
 * together.
 */
const marksKey = Symbol('marks');

interface Marked {
  [marksKey]?: Marks;
}

function marksOf(container: object): Marks | undefined {
  return (container as Marked)[marksKey];
}

function begin(container: object, at: SourceMark | undefined): Marks {
  const marks: Marks = { at };
  (container as Marked)[marksKey] = marks;
  return marks;
}

export function newMap(at?: SourceMark): TreeMap {
  const map = Object.create(null) as TreeMap;
  if (at !== undefined) begin(map, at);
  return map;
}

export function newList(at?: SourceMark): TreeList {
  const list: TreeList = [];
  if (at !== undefined) begin(list, at);
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

/** Records that `key` of `container` has a different position from the container. */
export function setMark(
  container: object,
  key: string | number,
  mark: SourceMark | undefined,
): void {
  if (mark === undefined) return;
  const marks = marksOf(container) ?? begin(container, undefined);
  marks.moved ??= new Map();
  marks.moved.set(key, mark);
}

export function keyMark(container: object, key: string | number): SourceMark | undefined {
  const marks = marksOf(container);
  const moved = marks?.moved?.get(key);
  if (moved !== undefined || marks?.at === undefined) return moved;
  return marks.at.key === undefined ? { ...marks.at, key } : marks.at;
}

/** Returns the position of a container. */
export function containerMark(container: object): SourceMark | undefined {
  return marksOf(container)?.at;
}

/**
 * Sets the position of a new container, such as the long form of a short form; keeps an existing
 * one.
 */
export function withMark<T extends object>(container: T, mark: SourceMark | undefined): T {
  if (mark !== undefined && marksOf(container) === undefined) begin(container, mark);
  return container;
}

/** Sets a key of `target` with the position that the key has in `from`. */
export function putWithMark(target: TreeMap, key: string, value: Tree, from: object): void {
  target[key] = value;
  setMark(target, key, keyMark(from, key));
}

/** Gives `values` the positions of the items of `list`, one by one. */
export function withItemMarks(list: TreeList, values: TreeList): TreeList {
  return withMarksOf(list, values);
}

/** Creates a list from items with their positions, which may come from several lists. */
export function listFromItems(
  items: readonly { readonly value: Tree; readonly mark: SourceMark | undefined }[],
  at: SourceMark | undefined,
): TreeList {
  const list = newList(at);
  for (const item of items) {
    setMark(list, list.length, item.mark);
    list.push(item.value);
  }
  return list;
}

export function itemsOf(list: TreeList): { value: Tree; mark: SourceMark | undefined }[] {
  return list.map((value, index) => ({ value, mark: keyMark(list, index) ?? containerMark(list) }));
}

/** Copies a tree deeply, with positions. */
export function cloneTree(value: Tree): Tree {
  if (isList(value)) return withMarksOf(value, value.map(cloneTree));
  if (!isMap(value)) return value;
  const map = newMap();
  for (const key of Object.keys(value)) map[key] = cloneTree(value[key] as Tree);
  return withMarksOf(value, map);
}

function withMarksOf<T extends object>(original: object, copy: T): T {
  const marks = marksOf(original);
  if (marks === undefined) return copy;
  const { at, moved } = marks;
  (copy as Marked)[marksKey] = moved === undefined ? { at } : { at, moved: new Map(moved) };
  return copy;
}

/** Returns the position of the deepest known part of `path`. */
export function findMark(root: Tree, path: Path): SourceMark | undefined {
  let node: Tree | undefined = root;
  let mark = typeof root === 'object' && root !== null ? containerMark(root) : undefined;
  for (const key of path) {
    if (typeof node !== 'object' || node === null) break;
    mark = keyMark(node, key) ?? mark;
    node = (node as Record<string | number, Tree>)[key];
    if (typeof node === 'object' && node !== null && mark === undefined) mark = containerMark(node);
  }
  return mark;
}

/** Returns the offset of a key or item of the container that begins at an offset. */
export type KeyFinder = (container: number, key: string | number) => number | undefined;

const keyFinders = new WeakMap<Source, KeyFinder>();

/** Registers the finder of a source; the YAML parser provides it. */
export function setKeyFinder(source: Source, find: KeyFinder): void {
  keyFinders.set(source, find);
}

const lineStarts = new WeakMap<Source, number[]>();

export function resolvePosition(mark: SourceMark | undefined): SourcePosition | undefined {
  if (mark === undefined) return undefined;
  const find = mark.key === undefined ? undefined : keyFinders.get(mark.source);
  const offset = find?.(mark.offset, mark.key ?? '') ?? mark.offset;
  const starts = lineStartsOf(mark.source);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { file: mark.source.file, line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
}

function lineStartsOf(source: Source): readonly number[] {
  const known = lineStarts.get(source);
  if (known !== undefined) return known;
  const starts = [0];
  for (let at = source.text.indexOf('\n'); at >= 0; at = source.text.indexOf('\n', at + 1))
    starts.push(at + 1);
  lineStarts.set(source, starts);
  return starts;
}

export function pathText(path: Path): string {
  return path.map(String).join('.');
}

/** Compares two trees by value, without positions. */
export function treesEqual(a: Tree | undefined, b: Tree | undefined): boolean {
  if (isList(a ?? null) && isList(b ?? null)) {
    const [left, right] = [a as TreeList, b as TreeList];
    return (
      left.length === right.length && left.every((item, index) => treesEqual(item, right[index]))
    );
  }
  if (isMap(a) && isMap(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => treesEqual(a[key], b[key]));
  }
  if (a instanceof Float && b instanceof Float) return a.value === b.value;
  return a === b;
}

/** Returns the value at a path, or undefined. */
export function valueAt(root: Tree, path: Path): Tree | undefined {
  let node: Tree | undefined = root;
  for (const key of path) {
    if (typeof node !== 'object' || node === null) return undefined;
    node = (node as Record<string | number, Tree>)[key];
  }
  return node;
}
