import { newMap, standAt, type Mark, type Tree } from '../yaml/tree.js';

/** Expands the name of a secret or config to a mapping with `source`. */
export function canonicalFile(value: Tree, mark: Mark | undefined): Tree {
  if (typeof value !== 'string') return value;
  const map = standAt(newMap(), mark);
  map.source = value;
  return map;
}
