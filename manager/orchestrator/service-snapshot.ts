import type { NodeId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import type { PodLink } from '../common/model/pod.js';
import type { Service } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import type { ProjectQuota, ProjectUsage } from '../common/model/trust/project-quota.js';
import type { StartGate } from './start-gate.js';

/** Input of the decisions about one service: a consistent snapshot of the store. */
export interface ServiceSnapshot {
  readonly service: Service;
  /** All tasks of the service, including ended ones. */
  readonly tasks: readonly Task[];
  readonly nodes: ReadonlyMap<NodeId, Node>;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly gate: StartGate;
  /** Why a rollback is impossible: the object of the previous spec that no longer exists. */
  readonly rollbackBlocker?: string;
  /** Services this one shares namespaces or volumes with; empty for most services. */
  readonly leaders: readonly PodLeader[];
  /** Whether another service shares a namespace or volumes of this one. */
  readonly hasFollowers: boolean;
  /** Whether services that stop while this one is recreated still have tasks to stop. */
  readonly awaitsDependents: boolean;
  /** Quota of the project and what the project uses, without tasks on lost nodes. */
  readonly quota?: { readonly limits: ProjectQuota; readonly used: ProjectUsage };
}

/**
 * A service that this one shares a namespace or volumes with, and its current task of each slot.
 */
export interface PodLeader {
  readonly tie: PodLink;
  readonly bySlot: ReadonlyMap<number, Task>;
}

/** A slot that the service should have. */
export interface WantedSlot {
  readonly slot: number;
  /** Node of the slot; only for global services. */
  readonly nodeId?: NodeId;
  /** False keeps the current task but creates no new one: the node is down or paused. */
  readonly mayFill: boolean;
}

export function nodeOf(task: Task, snapshot: ServiceSnapshot): Node | undefined {
  return task.nodeId === undefined ? undefined : snapshot.nodes.get(task.nodeId);
}

export function nodeNameOf(task: Task, snapshot: ServiceSnapshot): string {
  return nodeOf(task, snapshot)?.spec.name ?? task.nodeId ?? 'no node';
}
