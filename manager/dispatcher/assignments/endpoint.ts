import type { NetworkId } from '../../common/model/ids.js';
import type { Endpoint } from '../../common/model/network-view.js';
import type { Node } from '../../common/model/node.js';
import type { Task } from '../../common/model/task.js';
import { isAssigned } from '../../common/model/task-state.js';

/** Whether DNS may answer with this task's address. */
export function isResolvable(task: Task, node: Node): boolean {
  if (task.desired === 'shutdown' || task.desired === 'remove') return false;
  const { state, startedAt, health, paused } = task.status;
  // After a manager starts, only decisions are known: assume that started tasks are up, as DNS did
  // before, until the node reports or goes down. Containers of a silent engine run on as reported.
  const isReported = node.status.engine === 'silent' && state !== 'assigned';
  if (node.status.state === 'unknown' && !isReported) return task.desired !== 'ready';
  if (state !== 'running' || startedAt === undefined || paused === true) return false;
  return health === undefined || health === 'healthy';
}

/**
 * A task's endpoint on one network; undefined if it must not be reachable. A task being stopped
 * keeps its endpoint until it has ended (replies may be in flight), but DNS no longer returns it.
 * `lost`: the task's node was down since the task started, so a replacement may run elsewhere.
 */
export function endpointOf(
  task: Task,
  node: Node | undefined,
  networkId: NetworkId,
  lost: boolean,
): Endpoint | undefined {
  if (node === undefined || node.status.state === 'down' || !isAssigned(task.status.state)) {
    return undefined;
  }
  if (lost && (task.desired === 'shutdown' || task.desired === 'remove')) return undefined;
  const attachment = task.attachments.find((item) => item.networkId === networkId);
  if (attachment === undefined) return undefined;
  return {
    id: endpointId(task.id, networkId),
    networkId,
    taskId: task.id,
    nodeId: node.id,
    vtep: node.description.address,
    address: attachment.address,
    mac: attachment.mac,
    project: task.project,
    service: task.service,
    slot: task.slot,
    aliases: attachment.aliases,
    up: isResolvable(task, node),
  };
}

export function endpointId(taskId: string, networkId: string): string {
  return `${taskId}/${networkId}`;
}

/** Compares the fields that can change. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return (
    a.up === b.up &&
    a.vtep === b.vtep &&
    a.address === b.address &&
    a.mac === b.mac &&
    a.nodeId === b.nodeId &&
    a.aliases.join(' ') === b.aliases.join(' ')
  );
}
