import type { NodeId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import type { Tie } from '../common/model/pod.js';
import type { Service } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import type { Gate } from './gate.js';

/** All that deciding about one service looks at: one moment of the store. */
export interface ServiceScene {
  readonly service: Service;
  /** All of its tasks, those that ended too. */
  readonly tasks: readonly Task[];
  readonly nodes: ReadonlyMap<NodeId, Node>;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly gate: Gate;
  /** Why its spec before cannot be gone back to: what of it is there no more. */
  readonly noWayBack?: string;
  /** For a service that is tied to others: what fills each slot of those. */
  readonly leaders: readonly Leader[];
}

/** A service that this one is tied to. */
export interface Leader {
  readonly tie: Tie;
  readonly bySlot: ReadonlyMap<number, Task>;
}

/** A slot that the service is to have. */
export interface WantedSlot {
  readonly slot: number;
  /** A global service's slot belongs to a node. */
  readonly nodeId?: NodeId;
  /** False keeps what is there but puts nothing new in: the node is down or paused. */
  readonly mayFill: boolean;
}

export function nodeOf(task: Task, scene: ServiceScene): Node | undefined {
  return task.nodeId === undefined ? undefined : scene.nodes.get(task.nodeId);
}

export function nodeNameOf(task: Task, scene: ServiceScene): string {
  return nodeOf(task, scene)?.spec.name ?? task.nodeId ?? 'no node';
}
