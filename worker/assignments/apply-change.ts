import { AppError } from '../../manager/common/base/errors.js';
import type { AssignmentChange, AssignmentSet } from '../../manager/common/protocol/assignments.js';

/**
 * Applies one change to the set. Throws `conflict` if a change is missing in between: the session
 * must restart with a full set.
 */
export function applyChange(set: AssignmentSet, change: AssignmentChange): AssignmentSet {
  if (change.sequence !== set.sequence + 1) {
    throw new AppError(
      'conflict',
      `assignment change ${String(change.sequence)} does not follow ${String(set.sequence)}; resync with a full set`,
    );
  }
  const { upsert, remove } = change;
  return {
    ...set,
    sequence: change.sequence,
    tasks: merge(set.tasks, upsert.tasks, remove.tasks, byId),
    networks: merge(set.networks, upsert.networks, remove.networks, byId),
    endpoints: merge(set.endpoints, upsert.endpoints, remove.endpoints, byId),
    projects: merge(set.projects, upsert.projects, remove.projects, ({ project }) => project),
    volumes: merge(set.volumes, upsert.volumes, remove.volumes, byName),
    files: merge(set.files, upsert.files, remove.files, byId),
  };
}

/** True if the change adds, updates or removes tasks: such a set is saved before it is applied. */
export function changesTasks(change: AssignmentChange): boolean {
  return (change.upsert.tasks?.length ?? 0) > 0 || (change.remove.tasks?.length ?? 0) > 0;
}

function byId(item: { readonly id: string }): string {
  return item.id;
}

function byName(item: { readonly name: string }): string {
  return item.name;
}

function merge<Item>(
  items: readonly Item[],
  upserts: readonly Item[] | undefined,
  removals: readonly string[] | undefined,
  keyOf: (item: Item) => string,
): readonly Item[] {
  if ((upserts?.length ?? 0) === 0 && (removals?.length ?? 0) === 0) return items;
  const merged = new Map(items.map((item) => [keyOf(item), item]));
  for (const key of removals ?? []) merged.delete(key);
  for (const item of upserts ?? []) merged.set(keyOf(item), item);
  return [...merged.values()];
}
