import type { NodeId } from './ids.js';
import type { Task } from './task.js';

export interface PlacedTask extends Task {
  readonly nodeId: NodeId;
}

/** Whether commands such as kill, pause and exec act on the task; its desired state is ignored. */
export function hasRunningContainer(task: Task): task is PlacedTask {
  return task.status.state === 'running' && task.nodeId !== undefined;
}

/** The running task of a slot; without an index, that of the lowest running slot. */
export function selectRunningTask(tasks: readonly Task[], index?: number): PlacedTask | undefined {
  return tasks
    .filter(hasRunningContainer)
    .sort((a, b) => a.slot - b.slot || b.createdAt - a.createdAt)
    .find(({ slot }) => index === undefined || slot === index);
}
