import {
  isList,
  isMap,
  itemsOf,
  listFromItems,
  newMap,
  withMark,
  containerMark,
  type SourceMark,
  type Tree,
} from '../yaml/tree.js';

/** Converts a path or a list of paths to a list of `{path, required}`. */
export function canonicalEnvFile(value: Tree, mark: SourceMark | undefined): Tree {
  if (typeof value === 'string')
    return listFromItems([{ value: longForm(value, mark), mark }], mark);
  if (!isList(value)) return value;
  const items = itemsOf(value).map((item) => ({ ...item, value: longForm(item.value, item.mark) }));
  return listFromItems(items, containerMark(value));
}

function longForm(value: Tree, mark: SourceMark | undefined): Tree {
  if (isMap(value)) {
    if (!('required' in value)) value.required = true;
    return value;
  }
  const map = withMark(newMap(), mark);
  map.path = value;
  map.required = true;
  return map;
}
