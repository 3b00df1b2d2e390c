import { newMap, withMark, type SourceMark, type Tree } from '../yaml/tree.js';

/** Expands the name of a secret or config to a mapping with `source`. */
export function canonicalFile(value: Tree, mark: SourceMark | undefined): Tree {
  if (typeof value !== 'string') return value;
  const map = withMark(newMap(), mark);
  map.source = value;
  return map;
}
