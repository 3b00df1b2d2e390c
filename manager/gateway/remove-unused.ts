import { isConflict } from '../common/base/errors.js';

/**
 * Removes objects for a prune, one after the other. Leaves those that have come into use meanwhile;
 * returns the others.
 */
export async function removeUnused<T>(
  objects: readonly T[],
  remove: (object: T) => Promise<unknown>,
): Promise<readonly T[]> {
  const removed: T[] = [];
  for (const object of objects) {
    try {
      await remove(object);
      removed.push(object);
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
  return removed;
}
