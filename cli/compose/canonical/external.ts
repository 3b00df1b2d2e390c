import { errorAt } from '../error.js';
import { isMap, pathText, putWithMark, type Path, type Tree, type TreeMap } from '../yaml/tree.js';

/** Converts the deprecated `external: {name: x}` to `external: true` with `name`. */
export function canonicalExternal(
  value: Tree,
  path: Path,
  root: TreeMap,
  warn: (message: string) => void,
): Tree {
  if (!isMap(value)) return value;
  const external = value.external;
  if (!isMap(external)) return value;
  value.external = true;
  const name = external.name;
  if (name === undefined) return value;
  warn(`${pathText(path)}: external.name is deprecated; write name and external: true`);
  if (value.name !== undefined && value.name !== name) {
    throw errorAt(root, path, 'name and external.name differ; use name only');
  }
  putWithMark(value, 'name', name, external);
  return value;
}
