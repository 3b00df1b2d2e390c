import { isList, markOf, newMap, setMark, startOf, type Tree } from '../yaml/tree.js';

/** A list of names as a mapping without settings: networks and models of a service. */
export function canonicalNames(value: Tree): Tree {
  if (!isList(value)) return value;
  const map = newMap(startOf(value));
  value.forEach((name, index) => {
    if (typeof name !== 'string') return;
    map[name] = null;
    setMark(map, name, markOf(value, index));
  });
  return map;
}
