/** References that can begin an object's id; others are names. */
const idPattern = /^[0-9a-z]{1,25}$/u;

/**
 * The objects whose id begins with the reference, by a binary search: lists of the store are sorted
 * by id. `list` is not called for a reference that cannot begin an id.
 */
export function withIdPrefix<T extends { readonly id: string }>(
  list: () => readonly T[],
  reference: string,
): readonly T[] {
  if (!idPattern.test(reference)) return [];
  const objects = list();
  let [low, high] = [0, objects.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((objects[middle]?.id ?? '') < reference) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (objects[end]?.id.startsWith(reference) === true) end += 1;
  return objects.slice(low, end);
}
