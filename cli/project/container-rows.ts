import type { Task } from '../../manager/common/model/task.js';
import type { ProgressRow } from '../output/progress.js';
import type { ProjectView } from './selection.js';

/** Progress rows, one per container, with the node's name. */
export function containerProgressRows(
  view: Pick<ProjectView, 'nodes'>,
  tasks: readonly Task[],
  text: string,
  state: ProgressRow['state'],
): readonly ProgressRow[] {
  return tasks.map((task) => ({
    id: `Container ${task.containerName}`,
    text,
    state,
    detail: (task.nodeId && view.nodes.get(task.nodeId)?.spec.name) ?? '',
  }));
}
