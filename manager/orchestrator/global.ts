import type { NodeId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import type { TaskChange } from './task-change.js';
import { ineligibilityCause } from './enforce.js';
import { reconcileSlots } from './replicated.js';
import type { PodLeader, ServiceSnapshot, WantedSlot } from './service-snapshot.js';

/** Decides how to bring a global service to one task on each eligible node. */
export function reconcileGlobal(snapshot: ServiceSnapshot): readonly TaskChange[] {
  return reconcileSlots(
    globalSlots(snapshot),
    snapshot,
    'its node is not eligible for this service',
  );
}

/**
 * Keeps a node's slot number while a task with it exists; a new node gets the lowest free number.
 */
function globalSlots(snapshot: ServiceSnapshot): readonly WantedSlot[] {
  const slotOf = new Map<NodeId, number>();
  const taken = new Set<number>();
  const [leader] = snapshot.leaders;
  if (leader !== undefined) return followedSlots(leader, snapshot);
  for (const task of snapshot.tasks) {
    taken.add(task.slot);
    if (task.nodeId !== undefined && !slotOf.has(task.nodeId)) slotOf.set(task.nodeId, task.slot);
  }
  const slots: WantedSlot[] = [];
  let next = 1;
  for (const node of [...snapshot.nodes.values()].sort(byName)) {
    if (ineligibilityCause(node, snapshot.service) !== undefined) continue;
    const mayFill = node.status.state === 'ready' && node.spec.availability === 'active';
    let slot = slotOf.get(node.id);
    if (slot === undefined && !mayFill) continue;
    while (slot === undefined) {
      if (!taken.has(next)) slot = next;
      next += 1;
    }
    slots.push({ slot, nodeId: node.id, mayFill });
  }
  return slots.sort((a, b) => a.slot - b.slot);
}

/** A follower uses its leader's slot on each node. */
function followedSlots(leader: PodLeader, snapshot: ServiceSnapshot): readonly WantedSlot[] {
  return [...leader.bySlot.values()]
    .flatMap(({ slot, nodeId }) => {
      const node = nodeId === undefined ? undefined : snapshot.nodes.get(nodeId);
      if (node === undefined || ineligibilityCause(node, snapshot.service) !== undefined) return [];
      const mayFill = node.status.state === 'ready' && node.spec.availability === 'active';
      return [{ slot, nodeId: node.id, mayFill }];
    })
    .sort((a, b) => a.slot - b.slot);
}

function byName(a: Node, b: Node): number {
  if (a.spec.name !== b.spec.name) return a.spec.name < b.spec.name ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
