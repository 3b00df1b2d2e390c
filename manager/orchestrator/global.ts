import type { NodeId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import type { TaskChange } from './change.js';
import { unfitCause } from './enforce.js';
import { reconcileSlots } from './replicated.js';
import type { Leader, ServiceScene, WantedSlot } from './scene.js';

/** Brings a global service to one task on each node that suits it. */
export function reconcileGlobal(scene: ServiceScene): readonly TaskChange[] {
  return reconcileSlots(globalSlots(scene), scene, 'its node is not for this service');
}

/** A node keeps its slot number as long as a task is there that has it; a new one gets the lowest free. */
function globalSlots(scene: ServiceScene): readonly WantedSlot[] {
  const slotOf = new Map<NodeId, number>();
  const taken = new Set<number>();
  const [leader] = scene.leaders;
  if (leader !== undefined) return followedSlots(leader, scene);
  for (const task of scene.tasks) {
    taken.add(task.slot);
    if (task.nodeId !== undefined && !slotOf.has(task.nodeId)) slotOf.set(task.nodeId, task.slot);
  }
  const slots: WantedSlot[] = [];
  let next = 1;
  for (const node of [...scene.nodes.values()].sort(byName)) {
    if (unfitCause(node, scene.service) !== undefined) continue;
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

/** A follower has the slot that its leader has on each node. */
function followedSlots(leader: Leader, scene: ServiceScene): readonly WantedSlot[] {
  return [...leader.bySlot.values()]
    .flatMap(({ slot, nodeId }) => {
      const node = nodeId === undefined ? undefined : scene.nodes.get(nodeId);
      if (node === undefined || unfitCause(node, scene.service) !== undefined) return [];
      const mayFill = node.status.state === 'ready' && node.spec.availability === 'active';
      return [{ slot, nodeId: node.id, mayFill }];
    })
    .sort((a, b) => a.slot - b.slot);
}

function byName(a: Node, b: Node): number {
  if (a.spec.name !== b.spec.name) return a.spec.name < b.spec.name ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
