import { errorAt } from '../error.js';
import {
  isMap,
  newMap,
  withMark,
  type SourceMark,
  type Path,
  type Tree,
  type TreeMap,
} from '../yaml/tree.js';

interface Where {
  readonly path: Path;
  readonly root: TreeMap;
  readonly mark: SourceMark | undefined;
  readonly lenient: boolean;
}

/** Expands `SOURCE[:TARGET[:PERMISSIONS]]`. */
export function canonicalDevice(value: Tree, where: Where): Tree {
  if (isMap(value)) {
    if ('target' in value) return value;
    throw errorAt(where.root, where.path, 'device has no target; add the path in the container');
  }
  if (typeof value !== 'string') return value;
  const [source, target, permissions, more] = value.split(':');
  if (more !== undefined) {
    if (where.lenient) return value;
    throw errorAt(
      where.root,
      where.path,
      `device "${value}" has too many colons; write SOURCE:TARGET:PERMISSIONS`,
    );
  }
  const map = withMark(newMap(), where.mark);
  map.source = source ?? '';
  map.target = target ?? source ?? '';
  map.permissions = permissions ?? 'rwm';
  return map;
}
