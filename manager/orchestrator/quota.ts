import { usesQuota } from '../store/indexes/project-usage.js';
import { byNewest, isNodeLost, isWanted } from '../store/slots.js';
import type { Explanation, Task } from '../common/model/task.js';
import { isAssigned } from '../common/model/task-state.js';
import type { ProjectUsage } from '../common/model/trust/project-quota.js';
import {
  addUsage,
  describeShortage,
  noUsage,
  shortageOf,
  usageOf,
} from '../common/model/trust/project-quota.js';
import type { ServiceSnapshot } from './service-snapshot.js';
import { nodeOf } from './service-snapshot.js';
import type { TaskChange } from './task-change.js';

/*
 * Tasks over quota are created and wait: they have no node and use nothing. The oldest one is
 * admitted first when the project's usage falls or its quota is raised.
 *
 * Two tasks of a slot count both while one takes over from the other. If the quota has no room for
 * both, the new one waits for the end of the old one (`awaits: predecessor`), so that an update with
 * start-first becomes one with stop-first for that slot, and ends.
 */

/**
 * Applies the project's quota to the changes decided for a service: marks the tasks to create that
 * exceed it, and admits waiting tasks that fit.
 */
export function enforceQuota(
  changes: readonly TaskChange[],
  snapshot: ServiceSnapshot,
): readonly TaskChange[] {
  const { quota } = snapshot;
  const leaving = new Set(
    changes.flatMap((change) =>
      change.kind === 'delete' || (change.kind === 'desire' && change.desired !== 'running')
        ? [change.taskId]
        : [],
    ),
  );
  const waiting = snapshot.tasks
    .filter((task) => task.overQuota === true && isWanted(task) && !leaving.has(task.id))
    .sort((a, b) => byNewest(b, a));
  if (quota === undefined && waiting.length === 0) return changes;
  const budget = new Budget(snapshot, changes);
  return [
    ...waiting.flatMap((task) => reconsider(task, budget)),
    ...changes.map((change) =>
      change.kind === 'create' ? admit(change, budget, snapshot) : change,
    ),
  ];
}

type Verdict = Omit<Explanation, 'at'> | undefined;

/** The rest of the quota, as tasks are admitted within one decision. */
class Budget {
  readonly #snapshot: ServiceSnapshot;
  #used: ProjectUsage;

  constructor(snapshot: ServiceSnapshot, changes: readonly TaskChange[]) {
    this.#snapshot = snapshot;
    this.#used = snapshot.quota?.used ?? noUsage;
    const deleted = new Set(
      changes.flatMap((change) => (change.kind === 'delete' ? [change.taskId] : [])),
    );
    for (const task of snapshot.tasks) {
      if (!deleted.has(task.id) || !usesQuota(task) || this.#isLost(task)) continue;
      this.#used = addUsage(this.#used, usageOf(task.spec), -1);
    }
  }

  /** Takes the request from the budget; without room, returns why the task waits. */
  take(slot: number, request: ProjectUsage): Verdict {
    const { quota, service, tasks } = this.#snapshot;
    const shortage = quota && shortageOf(quota.limits, this.#used, request);
    if (quota === undefined || shortage === undefined) {
      this.#used = addUsage(this.#used, request);
      return undefined;
    }
    const { summary, remedy } = describeShortage(service.spec.project, shortage);
    const predecessors = tasks.filter((task) => task.slot === slot && this.#occupies(task));
    const freed = predecessors.reduce(
      (used, task) => addUsage(used, usageOf(task.spec), -1),
      this.#used,
    );
    const awaitsEnd =
      predecessors.length > 0 && shortageOf(quota.limits, freed, request) === undefined;
    return awaitsEnd
      ? {
          ...{ placed: false, summary, awaits: 'predecessor' },
          reasons: ['stops the previous task first, to use its share of the quota'],
        }
      : { placed: false, summary, reasons: [remedy] };
  }

  #occupies(task: Task): boolean {
    return isWanted(task) && isAssigned(task.status.state) && !this.#isLost(task);
  }

  #isLost(task: Task): boolean {
    return task.nodeId !== undefined && isNodeLost(nodeOf(task, this.#snapshot));
  }
}

function admit(
  change: Extract<TaskChange, { kind: 'create' }>,
  budget: Budget,
  { service }: ServiceSnapshot,
): TaskChange {
  const { task } = change;
  const verdict = budget.take(task.slot, usageOf(service.spec.task));
  return verdict === undefined ? change : { ...change, task: { ...task, overQuota: verdict } };
}

function reconsider(task: Task, budget: Budget): readonly TaskChange[] {
  const { id: taskId, slot } = task;
  const verdict = budget.take(slot, usageOf(task.spec));
  if (verdict === undefined) {
    return [{ kind: 'admit', taskId, slot, cause: 'the quota of its project has room' }];
  }
  const { explanation } = task;
  const isSame =
    explanation?.summary === verdict.summary &&
    explanation.awaits === verdict.awaits &&
    explanation.reasons.join('\n') === verdict.reasons.join('\n');
  return isSame
    ? []
    : [{ kind: 'hold', taskId, slot, explanation: verdict, cause: verdict.summary }];
}
