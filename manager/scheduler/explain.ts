import type { Explanation, Task } from '../common/model/task.js';
import type { Demand } from './demand.js';
import { candidateName } from './demand.js';
import { nodeCount } from './filters/filter.js';
import type { RefusalCount } from './filters/refusal-count.js';
import { fitsOn } from './filters/pipeline.js';
import type { Candidate } from './candidates.js';
import type { NodeSet } from './node-set.js';
import type { Strategy } from './input.js';

/** An explanation without its time; written only if it differs from the stored one. */
export type PlacementExplanation = Omit<Explanation, 'at'>;

export function explainBlocked(task: Task, reason: string, set: NodeSet): PlacementExplanation {
  return { placed: false, summary: reason, reasons: previousAttempts(task, set) };
}

export function explainUnplaced(
  task: Task,
  context: { readonly demand: Demand; readonly refusals: RefusalCount; readonly set: NodeSet },
): PlacementExplanation {
  const { demand, refusals, set } = context;
  const blocker = predecessorInTheWay(task, demand, set);
  const reasons = [
    ...refusals.lines(),
    ...(blocker?.nodeId === undefined
      ? []
      : [
          `stops the previous task on ${candidateName(blocker.nodeId, set)} first, to take its place`,
        ]),
    ...previousAttempts(task, set),
  ];
  const awaits = blocker === undefined ? {} : { awaits: 'predecessor' as const };
  if (set.candidates.length === 0) {
    return { placed: false, summary: 'the cluster has no nodes', reasons };
  }
  if (demand.bound === undefined) {
    return { placed: false, summary: refusals.summary(), reasons, ...awaits };
  }
  const known = demand.bound.nodeIds.some((id) => set.get(id) !== undefined);
  const summary = known
    ? `${demand.bound.cause}, which ${refusals.predicates()}`
    : demand.bound.cause;
  return { placed: false, summary, reasons, ...awaits };
}

/**
 * The previous task of the slot, if the new one fits on its node as soon as that task has ended: it
 * holds the port, the memory or the place of a replica that the new one needs.
 */
function predecessorInTheWay(task: Task, demand: Demand, set: NodeSet): Task | undefined {
  return set.predecessorsOf(task).find((previous) => {
    const candidate = set.candidateWithout(previous);
    return candidate !== undefined && fitsOn(demand, candidate);
  });
}

export function explainPlaced(
  task: Task,
  context: {
    readonly demand: Demand;
    /** The chosen node, before the task is counted on it. */
    readonly candidate: Candidate;
    readonly fitting: number;
    readonly refusals: RefusalCount;
    readonly set: NodeSet;
    readonly strategy: Strategy;
  },
): PlacementExplanation {
  const { demand, candidate, fitting, refusals, set, strategy } = context;
  const name = candidate.node.spec.name;
  const own = candidate.serviceTasks.get(task.serviceId) ?? 0;
  const counts = `${String(own)} of ${task.service}, ${String(candidate.tasks)} in all`;
  const summary =
    demand.bound === undefined
      ? `${name}: ${strategyPhrases[strategy]} (${counts}) of ${nodeCount(fitting)} that fit${fitting === 1 ? 's' : ''}`
      : `${name}: ${demand.bound.cause}`;
  const took =
    task.explanation?.awaits === undefined
      ? []
      : [`the previous task was stopped first: ${task.explanation.summary}`];
  const reasons = [...took, ...refusals.lines(), ...previousAttempts(task, set)];
  return { placed: true, summary, reasons };
}

const strategyPhrases = {
  spread: 'fewest tasks',
  binpack: 'fullest',
  random: 'drawn by lot',
} as const;

/** Earlier rejected tasks of the slot, with the engine's own error messages. */
function previousAttempts(task: Task, set: NodeSet): readonly string[] {
  return set.previousRefusals(task).map((failed) => {
    const where =
      failed.nodeId === undefined ? 'before' : `on ${candidateName(failed.nodeId, set)}`;
    return `tried ${where}: ${failed.status.error ?? failed.status.message}`;
  });
}

export function sameExplanation(
  a: PlacementExplanation | undefined,
  b: PlacementExplanation,
): boolean {
  return (
    a?.placed === b.placed &&
    a.summary === b.summary &&
    a.awaits === b.awaits &&
    a.reasons.length === b.reasons.length &&
    a.reasons.every((reason, index) => reason === b.reasons[index])
  );
}
