import {
  isList,
  isMap,
  itemsOf,
  listOf,
  newMap,
  standAt,
  startOf,
  type Mark,
  type Tree,
} from '../yaml/tree.js';

/** Converts a path or a list of paths to a list of `{path, required}`. */
export function canonicalEnvFile(value: Tree, mark: Mark | undefined): Tree {
  if (typeof value === 'string') return listOf([{ value: longForm(value, mark), mark }], mark);
  if (!isList(value)) return value;
  const items = itemsOf(value).map((item) => ({ ...item, value: longForm(item.value, item.mark) }));
  return listOf(items, startOf(value));
}

function longForm(value: Tree, mark: Mark | undefined): Tree {
  if (isMap(value)) {
    if (!('required' in value)) value.required = true;
    return value;
  }
  const map = standAt(newMap(), mark);
  map.path = value;
  map.required = true;
  return map;
}
