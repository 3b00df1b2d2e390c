import type { NodeId, ServiceId } from '../../common/model/ids.js';
import type { Volume } from '../../common/model/network.js';
import type { Task } from '../../common/model/task.js';
import { isTerminal } from '../../common/model/task-state.js';
import type { ProjectUsage } from '../../common/model/trust/project-quota.js';
import { addUsage, noUsage, usageOf } from '../../common/model/trust/project-quota.js';

/** True for a task that uses its project's quota: admitted, and not known to have ended. */
export function usesQuota({ status, overQuota }: Pick<Task, 'status' | 'overQuota'>): boolean {
  return overQuota === undefined && !isTerminal(status.state);
}

class ProjectCounts {
  /** By node; tasks without a node under undefined. */
  readonly byNode = new Map<NodeId | undefined, ProjectUsage>();
  /** Number of tasks over quota of each service. */
  readonly waiting = new Map<ServiceId, number>();
  total = noUsage;

  get isEmpty(): boolean {
    return this.byNode.size + this.waiting.size === 0 && this.total.volumes === 0;
  }
}

/** Usage of each project, kept up to date with each write: reading it never counts tasks. */
export class ProjectUsageIndex {
  readonly #projects = new Map<string, ProjectCounts>();

  total(project: string): ProjectUsage {
    return this.#projects.get(project)?.total ?? noUsage;
  }

  byNode(project: string): ReadonlyMap<NodeId | undefined, ProjectUsage> {
    return this.#projects.get(project)?.byNode ?? new Map<NodeId | undefined, ProjectUsage>();
  }

  /** Services with tasks over quota, sorted. */
  waitingServices(project: string): readonly ServiceId[] {
    return [...(this.#projects.get(project)?.waiting.keys() ?? [])].sort();
  }

  changeTask(before: Task | undefined, after: Task | undefined): void {
    if (before !== undefined && after !== undefined && isSameUsage(before, after)) return;
    if (before !== undefined) this.#countTask(before, -1);
    if (after !== undefined) this.#countTask(after, 1);
  }

  changeVolume(before: Volume | undefined, after: Volume | undefined): void {
    if (before?.spec.project === after?.spec.project) return;
    const one = { ...noUsage, volumes: 1 };
    for (const [volume, factor] of [[before, -1] as const, [after, 1] as const]) {
      if (volume === undefined) continue;
      this.#change(volume.spec.project, (counts) => {
        counts.total = addUsage(counts.total, one, factor);
      });
    }
  }

  #countTask(task: Task, factor: 1 | -1): void {
    this.#change(task.project, (counts) => {
      if (task.overQuota !== undefined) {
        const waiting = (counts.waiting.get(task.serviceId) ?? 0) + factor;
        if (waiting === 0) counts.waiting.delete(task.serviceId);
        else counts.waiting.set(task.serviceId, waiting);
      }
      if (!usesQuota(task)) return;
      const usage = usageOf(task.spec);
      const onNode = addUsage(counts.byNode.get(task.nodeId) ?? noUsage, usage, factor);
      if (onNode.containers === 0) counts.byNode.delete(task.nodeId);
      else counts.byNode.set(task.nodeId, onNode);
      counts.total = addUsage(counts.total, usage, factor);
    });
  }

  #change(project: string, change: (counts: ProjectCounts) => void): void {
    const counts = this.#projects.get(project) ?? new ProjectCounts();
    change(counts);
    if (counts.isEmpty) this.#projects.delete(project);
    else this.#projects.set(project, counts);
  }
}

function isSameUsage(before: Task, after: Task): boolean {
  return (
    before.spec === after.spec &&
    before.nodeId === after.nodeId &&
    before.overQuota === after.overQuota &&
    isTerminal(before.status.state) === isTerminal(after.status.state)
  );
}
