import { newMap, standAt, type Mark, type Tree } from '../yaml/tree.js';

/** A secret or config taken by name is one with a source. */
export function canonicalFile(value: Tree, mark: Mark | undefined): Tree {
  if (typeof value !== 'string') return value;
  const map = standAt(newMap(), mark);
  map.source = value;
  return map;
}
