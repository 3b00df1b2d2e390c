import type { TaskId } from '../../manager/common/model/ids.js';
import type { MalformedTask } from '../../manager/common/protocol/assignment-decoders.js';
import type { AssignedTask } from '../../manager/common/protocol/assignments.js';

/**
 * Replaces malformed tasks with their former assignments, whose containers may be running; only the
 * desired state is taken from the new assignment. Tasks without a former assignment are rejected.
 */
export function resolveMalformed(
  malformed: readonly MalformedTask[],
  former: readonly AssignedTask[],
): { readonly kept: readonly AssignedTask[]; readonly rejected: readonly MalformedTask[] } {
  if (malformed.length === 0) return { kept: [], rejected: [] };
  const known = new Map<TaskId, AssignedTask>(former.map((task) => [task.id, task]));
  const kept: AssignedTask[] = [];
  const rejected: MalformedTask[] = [];
  for (const task of malformed) {
    const before = known.get(task.id);
    if (before === undefined) rejected.push(task);
    else kept.push({ ...before, desired: task.desired ?? before.desired });
  }
  return { kept, rejected };
}
