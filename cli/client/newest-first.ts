import type { Task } from '../../manager/common/model/task.js';

/** Sorts tasks newest first: by creation time, then by version. */
export function newestFirst(a: Task, b: Task): number {
  return b.createdAt - a.createdAt || b.version - a.version;
}
