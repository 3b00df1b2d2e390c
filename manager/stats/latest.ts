import type { NodeId, TaskId } from '../common/model/ids.js';
import type { NodeUse, StatsMessage, TaskUse, WorkerStats } from '../common/protocol/statistics.js';

/** The newest statistics of every node, and what of them a reader has not been told yet. */
export class LatestStats {
  readonly #tasks = new Map<TaskId, { readonly nodeId: NodeId; readonly use: TaskUse }>();
  readonly #nodes = new Map<NodeId, NodeUse>();
  readonly #news = { tasks: new Set<TaskId>(), nodes: new Set<NodeId>() };

  take(nodeId: NodeId, message: WorkerStats): void {
    for (const use of message.tasks) {
      this.#tasks.set(use.taskId, { nodeId, use });
      this.#news.tasks.add(use.taskId);
    }
    for (const taskId of message.gone) this.#dropTask(taskId, nodeId);
    if (message.machine !== undefined) {
      const { machine, counters } = message;
      this.#nodes.set(nodeId, { nodeId, ...machine, ...(counters && { counters }) });
      this.#news.nodes.add(nodeId);
    }
  }

  /** The node's stream has ended: what it said last is no longer true. */
  dropNode(nodeId: NodeId): void {
    if (this.#nodes.delete(nodeId)) this.#news.nodes.add(nodeId);
    for (const taskId of [...this.#tasks.keys()]) this.#dropTask(taskId, nodeId);
  }

  /** A task that has meanwhile begun to report from elsewhere stays. */
  #dropTask(taskId: TaskId, nodeId: NodeId): void {
    if (this.#tasks.get(taskId)?.nodeId !== nodeId) return;
    this.#tasks.delete(taskId);
    this.#news.tasks.add(taskId);
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

  /** What has changed since this was called last. */
  delta(at: number): StatsMessage {
    const tasks = [...this.#news.tasks].map((id) => this.#tasks.get(id)?.use ?? id);
    const nodes = [...this.#news.nodes].map((id) => this.#nodes.get(id) ?? id);
    this.#news.tasks.clear();
    this.#news.nodes.clear();
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
