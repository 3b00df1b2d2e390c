import { messageOf } from '../common/base/errors.js';
import type { Constraint } from '../common/model/constraint.js';
import { parseConstraint } from '../common/model/constraint.js';
import type { NodeId } from '../common/model/ids.js';
import type { Volume } from '../common/model/network.js';
import type { Platform } from '../common/model/platform.js';
import { parsePlatform } from '../common/model/platform.js';
import {
  describeShared,
  hasPodLinks,
  needsRunningLeader,
  podLinksOf,
} from '../common/model/pod.js';
import { isTerminal } from '../common/model/task-state.js';
import type { SwarmExpression } from '../common/model/swarm-expression.js';
import { expressionsOf } from '../common/model/swarm-expression.js';
import type { Task } from '../common/model/task.js';
import type { NodeSet } from './node-set.js';

/** Requirements of a group of equal tasks on a node, computed once per group. */
export interface Demand {
  /** Any task of the group; the others differ only in slot and id. */
  readonly task: Task;
  readonly constraints: readonly Constraint[];
  /** Expressions of classic Swarm, of a client's container. */
  readonly expressions: readonly SwarmExpression[];
  readonly tasksOnNode: TasksOnNode;
  readonly platform: Platform | undefined;
  /** Nodes the task is restricted to, with the cause; undefined allows all nodes. */
  readonly bound: Bound | undefined;
  /** Volumes without a node yet, and shared volumes: bound to the node of the first task. */
  readonly unpinned: readonly Volume[];
  /** Requirements of the followers that must run on the same node as this task. */
  readonly followers: readonly Demand[];
}

/** The tasks that are on a node, or placed on it by this decision. */
export type TasksOnNode = (id: NodeId) => readonly Task[];

export interface Bound {
  readonly nodeIds: readonly NodeId[];
  /** `volume data is on node-3`. */
  readonly cause: string;
}

export type DemandResult =
  | { readonly kind: 'demand'; readonly demand: Demand }
  /** No node can run the task: something about the task itself is missing or invalid. */
  | { readonly kind: 'blocked'; readonly reason: string };

export function demandOf(task: Task, set: NodeSet): DemandResult {
  const bounds: Bound[] = [];
  const reason = bindToLeaders(task, set, bounds);
  if (reason !== undefined) return { kind: 'blocked', reason };
  return demandAlone(task, set, { leaders: bounds, depth: 0 });
}

/** Requirements without looking up the leaders; `leaders` are bounds already known. */
function demandAlone(
  task: Task,
  set: NodeSet,
  { leaders, depth }: { readonly leaders: readonly Bound[]; readonly depth: number },
): DemandResult {
  let constraints;
  let expressions;
  try {
    constraints = task.spec.placement.constraints.map(parseConstraint);
    const { origin, labels } = task.spec.container;
    expressions = origin === undefined ? [] : expressionsOf(labels);
  } catch (error) {
    return { kind: 'blocked', reason: messageOf(error) };
  }
  const bounds = [...leaders];
  const unpinned: Volume[] = [];
  if (task.nodeId !== undefined) {
    bounds.push({
      nodeIds: [task.nodeId],
      cause: `it is bound to ${candidateName(task.nodeId, set)}`,
    });
  }
  const reason = bindToVolumes(task, set, { bounds, unpinned });
  if (reason !== undefined) return { kind: 'blocked', reason };
  bindToAnonymousVolumes(task, set, bounds);
  const followers = followersOf(task, set, depth);
  for (const { bound } of followers) if (bound !== undefined) bounds.push(bound);
  const bound = intersect(bounds);
  if (bound === 'nothing') {
    return { kind: 'blocked', reason: bounds.map((each) => each.cause).join(', but ') };
  }
  const { platform } = task.spec.container;
  return {
    kind: 'demand',
    demand: {
      task,
      ...{ constraints, expressions, tasksOnNode: (id: NodeId) => set.tasksOn(id) },
      platform: platform === undefined ? undefined : parsePlatform(platform),
      bound,
      unpinned,
      followers,
    },
  };
}

/**
 * Restricts a follower to the node of its leaders. Returns the reason if a leader is not available.
 */
function bindToLeaders(task: Task, set: NodeSet, bounds: Bound[]): string | undefined {
  for (const tie of podLinksOf(task.spec.container)) {
    const name = `${tie.service}.${String(task.slot)}`;
    const shares = `it shares the ${describeShared(tie)} of ${name}`;
    const leader = set.current(task.project, tie.service, task.slot);
    const nodeId = leader === undefined ? undefined : set.nodeOf(leader);
    if (leader === undefined || nodeId === undefined) return `${shares}, which is not placed`;
    const { state, containerId } = leader.status;
    const isUsable = needsRunningLeader(tie)
      ? !isTerminal(state)
      : !isTerminal(state) || containerId;
    if (isUsable === false || isUsable === undefined) return `${shares}, which is not running`;
    bounds.push({ nodeIds: [nodeId], cause: `${shares} on ${candidateName(nodeId, set)}` });
  }
  return undefined;
}

/** Depth limit of follower chains; guards against a cycle, which Compose files cannot express. */
const maxPodDepth = 8;

/** Requirements of pending followers: the task is placed only where they fit as well. */
function followersOf(task: Task, set: NodeSet, depth: number): readonly Demand[] {
  if (depth >= maxPodDepth) return [];
  return set.pendingFollowersOf(task).flatMap((follower) => {
    const result = demandAlone(follower, set, { leaders: [], depth: depth + 1 });
    return result.kind === 'demand' ? [result.demand] : [];
  });
}

function bindToVolumes(
  task: Task,
  set: NodeSet,
  into: { readonly bounds: Bound[]; readonly unpinned: Volume[] },
): string | undefined {
  const names = new Set<string>();
  for (const mount of task.spec.container.mounts) {
    if (mount.type === 'volume' && mount.source !== undefined) names.add(mount.source);
  }
  for (const name of names) {
    const volume = set.volume(name);
    if (volume === undefined) {
      // Its node creates a volume whose name is a template.
      if (task.spec.container.templated === true) continue;
      return `volume ${name} does not exist`;
    }
    if (volume.removing) return `volume ${name} is being removed`;
    if (volume.nodeIds.length === 0) {
      if (volume.spec.external) return `external volume ${name} does not exist on any node`;
      into.unpinned.push(volume);
    } else if (isShared(volume)) {
      into.unpinned.push(volume);
    } else {
      const where = volume.nodeIds.map((id) => candidateName(id, set)).join(', ');
      into.bounds.push({ nodeIds: volume.nodeIds, cause: `volume ${name} is on ${where}` });
    }
  }
  return undefined;
}

/**
 * Restricts a task to the node of the anonymous volumes that the Compose file asks for, and a leader
 * to those of its followers. A follower goes where its leader is.
 */
function bindToAnonymousVolumes(task: Task, set: NodeSet, bounds: Bound[]): void {
  if (task.nodeId !== undefined || hasPodLinks(task.spec.container)) return;
  const own = set.volumeHolder(task);
  const holders = [...(own === undefined ? [] : [own]), ...set.volumeHoldersOfFollowers(task)];
  for (const { task: holder, targets, isExplicit } of holders) {
    if (holder.nodeId === undefined || !isExplicit) continue;
    const whose = holder.service === task.service ? 'its' : `${holder.service}.${holder.slot}'s`;
    const where = candidateName(holder.nodeId, set);
    const cause = `${whose} anonymous volume ${targets.join(', ')} is on ${where}`;
    bounds.push({ nodeIds: [holder.nodeId], cause });
  }
}

/** Whether the local driver mounts a network file system: all nodes see the same data. */
function isShared(volume: Volume): boolean {
  return /^(nfs\d?|cifs|smb\d?|ceph|glusterfs)$/.test(volume.spec.driverOpts.type ?? '');
}

function intersect(bounds: readonly Bound[]): Bound | undefined | 'nothing' {
  const [first, ...rest] = bounds;
  if (first === undefined) return undefined;
  const nodeIds = first.nodeIds.filter((id) => rest.every((bound) => bound.nodeIds.includes(id)));
  if (nodeIds.length === 0) return 'nothing';
  return { nodeIds, cause: bounds.map((bound) => bound.cause).join(', ') };
}

export function candidateName(id: NodeId, set: NodeSet): string {
  return set.get(id)?.node.spec.name ?? `${id} (no longer in the cluster)`;
}
