import type { NodeId, TaskId, VolumeId } from '../common/model/ids.js';
import { hasPodLinks } from '../common/model/pod.js';
import type { PortSpec } from '../common/model/service.js';
import { isPlaceable } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import type { Demand } from './demand.js';
import { demandOf } from './demand.js';
import type { PlacementExplanation } from './explain.js';
import { explainBlocked, explainPlaced, explainUnplaced } from './explain.js';
import { FilterPipeline, stillFits } from './filters/pipeline.js';
import type { HostPort } from '../store/indexes/used-ports.js';
import { choosePorts } from './host-ports.js';
import type { Candidate } from './candidates.js';
import { NodeSet } from './node-set.js';
import { binpack } from './strategies/binpack.js';
import type { CandidatePoolFactory } from './strategies/pool.js';
import { spreadOver } from './strategies/preferences.js';
import { random } from './strategies/random.js';
import { spread } from './strategies/spread.js';
import type { SchedulerInput, Strategy } from './input.js';
import { preferVolumeNode } from './volume-affinity.js';

export interface PlacementDecision {
  readonly kind: 'place';
  readonly taskId: TaskId;
  readonly nodeId: NodeId;
  readonly nodeName: string;
  /** The task's ports, each range narrowed to the chosen port. */
  readonly portSpecs: readonly PortSpec[];
  /** Host ports to lease. */
  readonly ports: readonly HostPort[];
  /** Volumes to bind to that node. */
  readonly volumeIds: readonly VolumeId[];
  readonly explanation: PlacementExplanation;
}

/** The task stays pending; the explanation says why. */
export interface Postponement {
  readonly kind: 'postpone';
  readonly taskId: TaskId;
  readonly explanation: PlacementExplanation;
}

export type Decision = PlacementDecision | Postponement;

/**
 * Places pending tasks in one pass: tasks with equal requirements share one pass over all nodes
 * and then cost O(log nodes) each. Deterministic: the order of the nodes does not matter.
 */
export function decide(input: SchedulerInput): readonly Decision[] {
  const pending = [...(input.tasks ?? input.placement.placeableTasks())].sort(bySchedulingOrder);
  if (pending.length === 0) return [];
  const set = new NodeSet(input);
  const run: DecisionContext = {
    set,
    pipeline: new FilterPipeline(set),
    strategy: strategyOf(input),
    name: input.strategy,
  };
  const decided = new Set<TaskId>();
  return groupByRequirements(pending, set).flatMap((tasks) => placePod(tasks, run, decided));
}

/** Places a group and then its followers at once, before other tasks can use up the room. */
function placePod(
  tasks: readonly Task[],
  run: DecisionContext,
  decided: Set<TaskId>,
): readonly Decision[] {
  const { set } = run;
  const undecided = tasks.filter(({ id }) => !decided.has(id));
  for (const { id } of undecided) decided.add(id);
  const decisions = placeGroup(undecided, run);
  const followers = undecided
    .flatMap((task) => set.pendingFollowersOf(task))
    .filter((task) => isPlaceable(task) && !decided.has(task.id) && set.areLeadersPlaced(task));
  return [...decisions, ...followers.flatMap((task) => placePod([task], run, decided))];
}

interface DecisionContext {
  readonly set: NodeSet;
  readonly pipeline: FilterPipeline;
  readonly strategy: CandidatePoolFactory;
  readonly name: Strategy;
}

/**
 * Scheduling order: tasks bound to a node first, followers last; tasks that may start at once
 * before tasks that wait for dependencies, so that dependencies get the emptiest nodes; then by
 * age, service and slot.
 */
function bySchedulingOrder(a: Task, b: Task): number {
  const choice = Number(a.nodeId === undefined) - Number(b.nodeId === undefined);
  if (choice !== 0) return choice;
  const tied = Number(hasPodLinks(a.spec.container)) - Number(hasPodLinks(b.spec.container));
  if (tied !== 0) return tied;
  const gated = Number(a.desired === 'ready') - Number(b.desired === 'ready');
  if (gated !== 0) return gated;
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  if (a.serviceId !== b.serviceId) return a.serviceId < b.serviceId ? -1 : 1;
  return a.slot - b.slot || (a.id < b.id ? -1 : 1);
}

/** Groups tasks with equal requirements; groups are in the order of their first task. */
function groupByRequirements(tasks: readonly Task[], set: NodeSet): readonly (readonly Task[])[] {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const key = requirementsKey(task, set);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [task]);
    else group.push(task);
  }
  return [...groups.values()];
}

function requirementsKey(task: Task, set: NodeSet): string {
  const { container } = task.spec;
  const inPod = hasPodLinks(container) || set.pendingFollowersOf(task).length > 0;
  if (task.nodeId !== undefined || inPod || set.volumeHolder(task) !== undefined) return task.id;
  // Each task may have volumes of its own.
  if (container.templated === true && container.mounts.length > 0) return task.id;
  return `${task.serviceId} ${task.taskHash} ${JSON.stringify(task.spec.placement)}`;
}

function placeGroup(tasks: readonly Task[], run: DecisionContext): readonly Decision[] {
  const decisions: Decision[] = [];
  let rest = tasks;
  // More than one round is needed only while the group's placements bind its volumes.
  while (rest.length > 0) {
    const [task] = rest;
    const result = task === undefined ? undefined : demandOf(task, run.set);
    if (result === undefined) break;
    if (result.kind === 'blocked') {
      const { reason } = result;
      return [
        ...decisions,
        ...rest.map((each) => postpone(each, explainBlocked(each, reason, run.set))),
      ];
    }
    const demand = withoutUnmetWishes(preferVolumeNode(result.demand, run.set), run);
    const round = placeRound(rest, demand, run);
    decisions.push(...round);
    rest = rest.slice(round.length);
  }
  return decisions;
}

/** Drops all soft expressions, as classic Swarm does, if no node satisfies every expression. */
function withoutUnmetWishes(demand: Demand, { pipeline }: DecisionContext): Demand {
  const hard = demand.expressions.filter(({ isSoft }) => !isSoft);
  if (hard.length === demand.expressions.length) return demand;
  return pipeline.filter(demand).fitting.length > 0 ? demand : { ...demand, expressions: hard };
}

function placeRound(
  tasks: readonly Task[],
  demand: Demand,
  run: DecisionContext,
): readonly Decision[] {
  const { set, pipeline } = run;
  const { fitting, refusals } = pipeline.filter(demand);
  const { preferences } = demand.task.spec.placement;
  const pool = spreadOver(
    preferences,
    set.candidates,
    run.strategy,
  )(fitting, demand.task.serviceId);
  const decisions: Decision[] = [];
  for (const task of tasks) {
    const candidate = pool.take();
    if (candidate === undefined) {
      // Filter again: nodes that fitted at first may be full by now.
      const now = pipeline.filter(demand).refusals;
      const rest = tasks.slice(decisions.length);
      return [
        ...decisions,
        ...rest.map((each) =>
          postpone(each, explainUnplaced(each, { demand, refusals: now, set })),
        ),
      ];
    }
    const context = { demand, candidate, fitting: fitting.length, refusals, set };
    const explanation = explainPlaced(task, { ...context, strategy: run.name });
    decisions.push(place(task, { demand, candidate, set, explanation }));
    if (demand.unpinned.length > 0) return decisions;
    if (stillFits(demand, candidate)) pool.put(candidate);
  }
  return decisions;
}

function place(
  task: Task,
  choice: {
    readonly demand: Demand;
    readonly candidate: Candidate;
    readonly set: NodeSet;
    readonly explanation: PlacementExplanation;
  },
): PlacementDecision {
  const { demand, candidate, set, explanation } = choice;
  const { node } = candidate;
  const portChoice = choosePorts(task, candidate.ports);
  const ports = portChoice.fits ? portChoice.ports : [];
  const newlyBound = demand.unpinned.filter((volume) => !volume.nodeIds.includes(node.id));
  for (const volume of newlyBound) set.pin(volume, node.id);
  set.place(task, candidate, ports);
  return {
    kind: 'place',
    taskId: task.id,
    nodeId: node.id,
    nodeName: node.spec.name,
    portSpecs: portChoice.fits ? portChoice.spec : task.spec.ports,
    ports,
    volumeIds: newlyBound.map((volume) => volume.id),
    explanation: explanation,
  };
}

function postpone(task: Task, explanation: PlacementExplanation): Postponement {
  return { kind: 'postpone', taskId: task.id, explanation: explanation };
}

function strategyOf({ strategy, seed }: SchedulerInput): CandidatePoolFactory {
  if (strategy === 'random') return random(seed);
  return strategy === 'binpack' ? binpack : spread;
}
