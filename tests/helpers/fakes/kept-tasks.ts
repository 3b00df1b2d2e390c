import type { TaskId } from '../../../manager/common/model/ids.js';
import type { TaskStatus } from '../../../manager/common/model/task.js';
import type { Adoption } from '../../../worker/tasks/local-state.js';
import type { PersistedTasks } from '../../../worker/tasks/persisted-tasks.js';

/** The maps of a worker's disk. */
export interface KeptMaps {
  readonly ended: Map<TaskId, TaskStatus>;
  readonly adopted: Map<TaskId, Adoption>;
}

/** A worker's persisted tasks, without files. */
export function keptTasks({
  ended,
  adopted,
}: KeptMaps): Pick<PersistedTasks, 'of' | 'adopterOf' | 'end' | 'adopt' | 'forget'> {
  const adopterOf = (containerId: string): TaskId | undefined => {
    for (const [id, adoption] of adopted) if (adoption.containerId === containerId) return id;
    return undefined;
  };
  return {
    adopterOf,
    of(taskId) {
      const end = ended.get(taskId);
      const adoption = adopted.get(taskId);
      return { ...(end && { ended: end }), ...(adoption && { adopted: adoption }) };
    },
    end(taskId, status) {
      ended.set(taskId, status);
      return Promise.resolve();
    },
    adopt(taskId, adoption) {
      const former = adopterOf(adoption.containerId);
      if (former !== undefined) adopted.delete(former);
      adopted.set(taskId, adoption);
      return Promise.resolve();
    },
    forget(taskId) {
      ended.delete(taskId);
      adopted.delete(taskId);
      return Promise.resolve();
    },
  };
}
