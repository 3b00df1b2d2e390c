import type { NodeUse, StatsMessage, TaskUse } from '../../manager/common/protocol/statistics.js';

/** What the client knows of what tasks and nodes use, by id. */
export interface Usage {
  readonly tasks: ReadonlyMap<string, TaskUse>;
  readonly nodes: ReadonlyMap<string, NodeUse>;
}

export const noUsage: Usage = { tasks: new Map(), nodes: new Map() };

/** The state after a message. Pure: the state before is left as it was. */
export function applyStats(state: Usage, message: StatsMessage): Usage {
  const fresh = message.kind === 'snapshot';
  const tasks = new Map(fresh ? [] : state.tasks);
  const nodes = new Map(fresh ? [] : state.nodes);
  for (const id of message.goneTasks) tasks.delete(id);
  for (const id of message.goneNodes) nodes.delete(id);
  for (const use of message.tasks) tasks.set(use.taskId, use);
  for (const use of message.nodes) nodes.set(use.nodeId, use);
  return { tasks, nodes };
}
