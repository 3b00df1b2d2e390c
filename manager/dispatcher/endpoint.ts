import type { NetworkId } from '../common/model/ids.js';
import type { Endpoint } from '../common/model/network-view.js';
import type { Node } from '../common/model/node.js';
import type { Task } from '../common/model/task.js';
import { isAssigned } from '../common/model/task-state.js';

/** Whether names may answer with this task's address. */
export function isUp(task: Task, node: Node): boolean {
  if (task.desired === 'shutdown' || task.desired === 'remove') return false;
  // Right after a start of the manager nothing is known but what was decided: what names answered with
  // before is the best guess until the node reports or is found dead.
  if (node.status.state === 'unknown') return task.desired !== 'ready';
  const { state, startedAt, health, paused } = task.status;
  if (state !== 'running' || startedAt === undefined || paused === true) return false;
  return health === undefined || health === 'healthy';
}

/**
 * A task's end on one network; undefined when nobody is to reach it. A task that is being stopped keeps
 * its routes until it has ended (it may have answers to receive), but no name leads to it. `lost`: its
 * node was down meanwhile and the task was given up, so that a copy may run elsewhere.
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
    up: isUp(task, node),
  };
}

export function endpointId(taskId: string, networkId: string): string {
  return `${taskId}/${networkId}`;
}

/** Equal as far as anything of it can change. */
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
