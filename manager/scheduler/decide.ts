import type { NodeId, TaskId, VolumeId } from '../common/model/ids.js';
import { isTied } from '../common/model/pod.js';
import type { PortSpec } from '../common/model/service.js';
import { isWanted } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import type { Demand } from './demand.js';
import { demandOf } from './demand.js';
import type { Words } from './explain.js';
import { explainBlocked, explainPlaced, explainUnplaced } from './explain.js';
import { Sieve, stillFits } from './filters/pipeline.js';
import type { HostPort } from './host-ports.js';
import { choosePorts } from './host-ports.js';
import type { Candidate, SchedulerSnapshot } from './node-set.js';
import { NodeSet } from './node-set.js';
import { binpack } from './strategies/binpack.js';
import type { MakePool } from './strategies/pool.js';
import { spreadOver } from './strategies/preferences.js';
import { random } from './strategies/random.js';
import { spread } from './strategies/spread.js';

export interface Placement {
  readonly kind: 'place';
  readonly taskId: TaskId;
  readonly nodeId: NodeId;
  readonly nodeName: string;
  /** The task's ports with ranges narrowed to what was chosen. */
  readonly portSpecs: readonly PortSpec[];
  /** To be leased. */
  readonly ports: readonly HostPort[];
  /** Volumes that are on that node from now on. */
  readonly volumeIds: readonly VolumeId[];
  readonly words: Words;
}

/** Stays pending; `words` say why. */
export interface Postponement {
  readonly kind: 'postpone';
  readonly taskId: TaskId;
  readonly words: Words;
}

export type Decision = Placement | Postponement;

/**
 * Where each pending task goes, in one pass: like tasks share one look at all nodes and then cost
 * O(log nodes) each. The same snapshot gives the same answer whatever the order of its lists.
 */
export function decide(snapshot: SchedulerSnapshot): readonly Decision[] {
  const pending = snapshot.tasks.filter(isPlaceable).sort(byTurn);
  if (pending.length === 0) return [];
  const set = new NodeSet(snapshot);
  const scene: Scene = {
    set,
    sieve: new Sieve(set),
    strategy: strategyOf(snapshot),
    name: snapshot.strategy,
  };
  const decided = new Set<TaskId>();
  return groupAlike(pending, set).flatMap((tasks) => placePod(tasks, scene, decided));
}

/** A group, and right behind it what is to be beside it: nothing else takes the room meanwhile. */
function placePod(tasks: readonly Task[], scene: Scene, decided: Set<TaskId>): readonly Decision[] {
  const { set } = scene;
  const open = tasks.filter(({ id }) => !decided.has(id));
  for (const { id } of open) decided.add(id);
  const decisions = placeGroup(open, scene);
  const followers = open
    .flatMap((task) => set.waitingFor(task))
    .filter((task) => isPlaceable(task) && !decided.has(task.id) && set.hasLeaders(task));
  return [...decisions, ...followers.flatMap((task) => placePod([task], scene, decided))];
}

/** Waits for a node and is still wanted. */
export function isPlaceable(task: Task): boolean {
  return task.status.state === 'pending' && isWanted(task);
}

interface Scene {
  readonly set: NodeSet;
  readonly sieve: Sieve;
  readonly strategy: MakePool;
  readonly name: SchedulerSnapshot['strategy'];
}

/**
 * Those without a choice first, those tied to others last, then those that may start at once before those that wait for them, so
 * that what others depend on takes the emptiest nodes; then the oldest, then by service and slot.
 */
function byTurn(a: Task, b: Task): number {
  const choice = Number(a.nodeId === undefined) - Number(b.nodeId === undefined);
  if (choice !== 0) return choice;
  const tied = Number(isTied(a.spec.container)) - Number(isTied(b.spec.container));
  if (tied !== 0) return tied;
  const gated = Number(a.desired === 'ready') - Number(b.desired === 'ready');
  if (gated !== 0) return gated;
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  if (a.serviceId !== b.serviceId) return a.serviceId < b.serviceId ? -1 : 1;
  return a.slot - b.slot || (a.id < b.id ? -1 : 1);
}

/** Tasks that ask the same of a node, in the order in which the first of each group comes. */
function groupAlike(tasks: readonly Task[], set: NodeSet): readonly (readonly Task[])[] {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const key = likeness(task, set);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [task]);
    else group.push(task);
  }
  return [...groups.values()];
}

function likeness(task: Task, set: NodeSet): string {
  const inPod = isTied(task.spec.container) || set.waitingFor(task).length > 0;
  if (task.nodeId !== undefined || inPod) return task.id;
  return `${task.serviceId} ${task.taskHash} ${JSON.stringify(task.spec.placement)}`;
}

function placeGroup(tasks: readonly Task[], scene: Scene): readonly Decision[] {
  const decisions: Decision[] = [];
  let rest = tasks;
  // More than one round only while the group's own placements pin its volumes.
  while (rest.length > 0) {
    const [task] = rest;
    const result = task === undefined ? undefined : demandOf(task, scene.set);
    if (result === undefined) break;
    if (result.kind === 'blocked') {
      const { reason } = result;
      return [
        ...decisions,
        ...rest.map((each) => postpone(each, explainBlocked(each, reason, scene.set))),
      ];
    }
    const round = placeRound(rest, result.demand, scene);
    decisions.push(...round);
    rest = rest.slice(round.length);
  }
  return decisions;
}

function placeRound(tasks: readonly Task[], demand: Demand, scene: Scene): readonly Decision[] {
  const { set, sieve } = scene;
  const { fitting, refusals } = sieve.sift(demand);
  const { preferences } = demand.task.spec.placement;
  const pool = spreadOver(
    preferences,
    set.candidates,
    scene.strategy,
  )(fitting, demand.task.serviceId);
  const decisions: Decision[] = [];
  for (const task of tasks) {
    const candidate = pool.take();
    if (candidate === undefined) {
      // Asked anew: by now nodes may be full that fitted at first.
      const now = sieve.sift(demand).refusals;
      const rest = tasks.slice(decisions.length);
      return [
        ...decisions,
        ...rest.map((each) =>
          postpone(each, explainUnplaced(each, { demand, refusals: now, set })),
        ),
      ];
    }
    const context = { demand, candidate, fitting: fitting.length, refusals, set };
    const words = explainPlaced(task, { ...context, strategy: scene.name });
    decisions.push(place(task, { demand, candidate, set, words }));
    if (demand.unpinned.length > 0) return decisions;
    if (stillFits(demand, candidate)) pool.put(candidate);
  }
  return decisions;
}

function place(
  task: Task,
  at: {
    readonly demand: Demand;
    readonly candidate: Candidate;
    readonly set: NodeSet;
    readonly words: Words;
  },
): Placement {
  const { demand, candidate, set, words } = at;
  const { node } = candidate;
  const choice = choosePorts(task, candidate.ports);
  const ports = choice.fits ? choice.ports : [];
  const newcomers = demand.unpinned.filter((volume) => !volume.nodeIds.includes(node.id));
  for (const volume of newcomers) set.pin(volume, node.id);
  set.place(task, candidate, ports);
  return {
    kind: 'place',
    taskId: task.id,
    nodeId: node.id,
    nodeName: node.spec.name,
    portSpecs: choice.fits ? choice.spec : task.spec.ports,
    ports,
    volumeIds: newcomers.map((volume) => volume.id),
    words,
  };
}

function postpone(task: Task, words: Words): Postponement {
  return { kind: 'postpone', taskId: task.id, words };
}

function strategyOf(snapshot: SchedulerSnapshot): MakePool {
  if (snapshot.strategy === 'random') return random(snapshot.seed);
  return snapshot.strategy === 'binpack' ? binpack : spread;
}
