import { isList, keyMark, newMap, setMark, containerMark, type Tree } from '../yaml/tree.js';

/** Converts a list of names (networks or models of a service) to a mapping with null values. */
export function canonicalNames(value: Tree): Tree {
  if (!isList(value)) return value;
  const map = newMap(containerMark(value));
  value.forEach((name, index) => {
    if (typeof name !== 'string') return;
    map[name] = null;
    setMark(map, name, keyMark(value, index));
  });
  return map;
}
