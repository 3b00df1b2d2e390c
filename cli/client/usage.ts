import type {
  NodeUsage,
  StatsMessage,
  TaskUsage,
} from '../../manager/common/protocol/statistics.js';

/** The client's view of resource usage by task id and node id. */
export interface UsageState {
  readonly tasks: ReadonlyMap<string, TaskUsage>;
  readonly nodes: ReadonlyMap<string, NodeUsage>;
}

export const emptyUsage: UsageState = { tasks: new Map(), nodes: new Map() };

/** Returns the state after a message; does not modify `state`. */
export function applyStats(state: UsageState, message: StatsMessage): UsageState {
  const isSnapshot = message.kind === 'snapshot';
  const tasks = new Map(isSnapshot ? [] : state.tasks);
  const nodes = new Map(isSnapshot ? [] : state.nodes);
  for (const id of message.goneTasks) tasks.delete(id);
  for (const id of message.goneNodes) nodes.delete(id);
  for (const use of message.tasks) tasks.set(use.taskId, use);
  for (const use of message.nodes) nodes.set(use.nodeId, use);
  return { tasks, nodes };
}
