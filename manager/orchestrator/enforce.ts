import { describeUnsatisfied, parseConstraint, satisfies } from '../common/model/constraint.js';
import type { Constraint } from '../common/model/constraint.js';
import type { Node } from '../common/model/node.js';
import { parsePlatform, runsPlatform } from '../common/model/platform.js';
import { describeShared, needsRunningLeader } from '../common/model/pod.js';
import type { Service } from '../common/model/service.js';
import { isTerminal } from '../common/model/task-state.js';
import type { Task } from '../common/model/task.js';
import type { ServiceSnapshot } from './service-snapshot.js';
import { nodeNameOf, nodeOf } from './service-snapshot.js';

/** Whether the node was drained with `--force`: its tasks do not wait for successors. */
export function isForcedOut(node: Node | undefined): boolean {
  return node?.spec.availability === 'drain' && node.spec.forced === true;
}

/** Why a task must leave its node, and when. */
export interface Eviction {
  readonly cause: string;
  /** False: the task keeps running until its successor has a node, as `update_config` says. */
  readonly isImmediate: boolean;
}

/**
 * Undefined if the task may stay. Tasks that do not run yet serve nobody: they leave at once, and so
 * do the tasks of a node drained with `--force`. A pod moves as a whole: followers stay as long as
 * their leader serves on their node, and leave with it.
 */
export function evictionOf(task: Task, snapshot: ServiceSnapshot): Eviction | undefined {
  const node = nodeOf(task, snapshot);
  if (node === undefined) return undefined;
  const cause = ineligibilityCause(node, snapshot.service);
  if (cause !== undefined) {
    if (isForcedOut(node) || task.status.state !== 'running') return { cause, isImmediate: true };
    if (snapshot.leaders.length === 0) return { cause, isImmediate: false };
    return followsServingLeader(task, snapshot) ? undefined : { cause, isImmediate: true };
  }
  const lost = leaderCause(task, snapshot);
  return lost === undefined ? undefined : { cause: lost, isImmediate: true };
}

/** Whether a service that the task shares with still runs in its slot, on its node. */
function followsServingLeader(task: Task, { leaders }: ServiceSnapshot): boolean {
  return leaders.some(({ bySlot }) => {
    const leader = bySlot.get(task.slot);
    return leader?.nodeId === task.nodeId && leader?.status.state === 'running';
  });
}

/**
 * Reason why a node is not eligible for the service; undefined if it is. Paused nodes keep their
 * tasks.
 */
export function ineligibilityCause(node: Node, service: Service): string | undefined {
  const { name, availability } = node.spec;
  if (availability === 'drain') return `${name} is drained`;
  const failed = constraintsOf(service).find((constraint) => !satisfies(node, constraint));
  if (failed !== undefined) return `${name} has ${describeUnsatisfied(failed)}`;
  const { platform } = service.spec.task.container;
  const { os, arch } = node.description;
  if (platform !== undefined && !runsPlatform(parsePlatform(platform), os, arch)) {
    return `${name} is ${os}/${arch}`;
  }
  return undefined;
}

/** Valid constraints only; the scheduler reports invalid ones to the user. */
function constraintsOf(service: Service): readonly Constraint[] {
  return service.spec.task.placement.constraints.flatMap((text) => {
    try {
      return [parseConstraint(text)];
    } catch {
      return [];
    }
  });
}

/** Reason why a follower must leave: a leader has moved, restarted or been recreated since. */
function leaderCause(task: Task, snapshot: ServiceSnapshot): string | undefined {
  for (const { tie, bySlot } of snapshot.leaders) {
    const leader = bySlot.get(task.slot);
    if (leader?.nodeId === undefined) continue;
    const subject = `${tie.service}.${task.slot}, whose ${describeShared(tie)} it shares,`;
    if (leader.nodeId !== task.nodeId) return `${subject} is on ${nodeNameOf(leader, snapshot)}`;
    if (needsRunningLeader(tie) ? isRestarted(leader, task) : isRecreated(leader, task)) {
      return `${subject} was ${needsRunningLeader(tie) ? 'restarted' : 'recreated'}`;
    }
  }
  return undefined;
}

/**
 * Reason to recreate an ended task of a follower: its leader restarted after the task failed along
 * with it, or was recreated. Undefined for a task that completed, unless the leader is a new
 * container.
 */
export function recreationCause(task: Task, snapshot: ServiceSnapshot): string | undefined {
  for (const { tie, bySlot } of snapshot.leaders) {
    const leader = bySlot.get(task.slot);
    if (leader === undefined || !needsRunningLeader(tie) || isTerminal(leader.status.state))
      continue;
    const subject = `${tie.service}.${task.slot}, whose ${describeShared(tie)} it shares,`;
    if (isRecreated(leader, task)) return `${subject} was recreated`;
    const failedWithLeader = task.status.state === 'failed' && isRestarted(leader, task);
    if (failedWithLeader) return `${subject} was restarted`;
  }
  return undefined;
}

/** Whether the leader started after the follower, which then holds a dead namespace. */
function isRestarted(leader: Task, task: Task): boolean {
  const [leaderStart, start] = [leader.status.startedAt, task.status.startedAt];
  return leaderStart !== undefined && start !== undefined && leaderStart > start;
}

function isRecreated(leader: Task, task: Task): boolean {
  return leader.adopts === undefined && leader.createdAt > task.createdAt;
}
