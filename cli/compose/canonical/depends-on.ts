import {
  isList,
  isMap,
  keyMark,
  newMap,
  setMark,
  withMark,
  containerMark,
  type Tree,
} from '../yaml/tree.js';

/** Converts a list of services to a mapping with the condition `service_started`. */
export function canonicalDependsOn(value: Tree): Tree {
  if (isMap(value)) {
    for (const key of Object.keys(value)) {
      const dependency = value[key] as Tree;
      if (isMap(dependency) && !('required' in dependency)) dependency.required = true;
    }
    return value;
  }
  if (!isList(value)) return value;
  const map = newMap(containerMark(value));
  value.forEach((name, index) => {
    if (typeof name !== 'string') return;
    const mark = keyMark(value, index);
    const dependency = withMark(newMap(), mark);
    dependency.condition = 'service_started';
    dependency.required = true;
    map[name] = dependency;
    setMark(map, name, mark);
  });
  return map;
}
