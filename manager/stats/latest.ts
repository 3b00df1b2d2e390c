import type { NodeId, TaskId } from '../common/model/ids.js';
import type {
  NodeUsage,
  StatsMessage,
  TaskUsage,
  WorkerStats,
} from '../common/protocol/statistics.js';

/** Latest statistics of every node, with the changes since the last delta. */
export class LatestStats {
  readonly #tasks = new Map<TaskId, { readonly nodeId: NodeId; readonly use: TaskUsage }>();
  readonly #nodes = new Map<NodeId, NodeUsage>();
  readonly #changed = { tasks: new Set<TaskId>(), nodes: new Set<NodeId>() };

  update(nodeId: NodeId, message: WorkerStats): void {
    for (const use of message.tasks) {
      this.#tasks.set(use.taskId, { nodeId, use });
      this.#changed.tasks.add(use.taskId);
    }
    for (const taskId of message.gone) this.#dropTask(taskId, nodeId);
    if (message.machine !== undefined) {
      const { machine, counters } = message;
      this.#nodes.set(nodeId, { nodeId, ...machine, ...(counters && { counters }) });
      this.#changed.nodes.add(nodeId);
    }
  }

  /** Drops a node's statistics when its stream has ended: they are stale. */
  dropNode(nodeId: NodeId): void {
    if (this.#nodes.delete(nodeId)) this.#changed.nodes.add(nodeId);
    for (const taskId of [...this.#tasks.keys()]) this.#dropTask(taskId, nodeId);
  }

  /** Drops a task unless another node reports it by now. */
  #dropTask(taskId: TaskId, nodeId: NodeId): void {
    if (this.#tasks.get(taskId)?.nodeId !== nodeId) return;
    this.#tasks.delete(taskId);
    this.#changed.tasks.add(taskId);
  }

  snapshot(at: number): StatsMessage {
    const tasks = [...this.#tasks.values()].map(({ use }) => use);
    return {
      kind: 'snapshot',
      at,
      tasks,
      goneTasks: [],
      nodes: [...this.#nodes.values()],
      goneNodes: [],
    };
  }

  /** Returns the changes since the previous call. */
  delta(at: number): StatsMessage {
    const tasks = [...this.#changed.tasks].map((id) => this.#tasks.get(id)?.use ?? id);
    const nodes = [...this.#changed.nodes].map((id) => this.#nodes.get(id) ?? id);
    this.#changed.tasks.clear();
    this.#changed.nodes.clear();
    return {
      kind: 'delta',
      at,
      tasks: tasks.filter((item) => typeof item !== 'string'),
      goneTasks: tasks.filter((item) => typeof item === 'string'),
      nodes: nodes.filter((item) => typeof item !== 'string'),
      goneNodes: nodes.filter((item) => typeof item === 'string'),
    };
  }
}
