import {
  isList,
  keyMark,
  newMap,
  setMark,
  withMark,
  containerMark,
  type SourceMark,
  type Tree,
} from '../yaml/tree.js';

export function canonicalBuild(value: Tree, mark: SourceMark | undefined): Tree {
  if (typeof value !== 'string') return value;
  const map = withMark(newMap(), mark);
  map.context = value;
  return map;
}

/** Converts a list of `key=value` to a mapping; a bare key gets the value `alone`. */
export function canonicalPairs(value: Tree, alone: null | ''): Tree {
  if (!isList(value)) return value;
  const map = newMap(containerMark(value));
  value.forEach((item, index) => {
    if (typeof item !== 'string') return;
    const equals = item.indexOf('=');
    const key = equals < 0 ? item : item.slice(0, equals);
    map[key] = equals < 0 ? alone : item.slice(equals + 1);
    setMark(map, key, keyMark(value, index));
  });
  return map;
}
