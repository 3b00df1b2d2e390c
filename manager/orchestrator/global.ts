import type { NodeId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import { updateConfigOf } from '../common/model/rollback.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import { isWanted } from '../store/slots.js';
import type { TaskChange } from './task-change.js';
import { ineligibilityCause, isForcedOut } from './enforce.js';
import { isHeld, isServing } from './succession.js';
import { oneAtATime } from './update.js';
import { reconcileSlots } from './replicated.js';
import type { PodLeader, ServiceSnapshot, WantedSlot } from './service-snapshot.js';
import { nodeOf } from './service-snapshot.js';

/** Decides how to bring a global service to one task on each eligible node. */
export function reconcileGlobal(snapshot: ServiceSnapshot): readonly TaskChange[] {
  const slots = globalSlots(snapshot);
  const { kept, waits } = departures(slots, snapshot);
  const remaining = { ...snapshot, tasks: snapshot.tasks.filter(({ slot }) => !kept.has(slot)) };
  const cause = 'its node is not eligible for this service';
  return [...reconcileSlots(slots, remaining, cause), ...waits];
}

/**
 * Tasks leave nodes that are no longer eligible in batches of `parallelism`, with `delay` between
 * two batches; they have no successor. Returns the slots that stay as they are for now: tasks that
 * wait for their batch, and ended ones whose delay has not passed.
 */
function departures(
  slots: readonly WantedSlot[],
  snapshot: ServiceSnapshot,
): { readonly kept: ReadonlySet<number>; readonly waits: readonly TaskChange[] } {
  const wanted = new Set(slots.map(({ slot }) => slot));
  const { parallelism, delayMs } = updateConfigOf(snapshot.service) ?? oneAtATime;
  const surplus = snapshot.tasks.filter(({ slot }) => !wanted.has(slot));
  const held = surplus.filter((task) => isHeld(task, snapshot));
  const staying = held.filter((task) => mayStay(task, snapshot));
  const leaving = held.filter((task) => !isWanted(task));
  const pausedUntil = (task: Task): number =>
    Math.min(task.status.at, snapshot.now) + (task.desired === 'remove' ? delayMs : 0);
  const paused = surplus.filter(
    (task) => isTerminal(task.status.state) && pausedUntil(task) > snapshot.now,
  );
  const room = parallelism === 0 ? Infinity : parallelism - leaving.length - paused.length;
  const later = staying.sort((a, b) => a.slot - b.slot).slice(Math.max(0, room));
  // The end of the last task need not be kept for the delay.
  const isPaused = later.length > 0 && paused.length > 0;
  return {
    kept: new Set([...later, ...(isPaused ? paused : [])].map(({ slot }) => slot)),
    waits: isPaused
      ? paused.map((task) => ({
          kind: 'wait',
          until: pausedUntil(task),
          cause: 'delay between nodes',
        }))
      : [],
  };
}

/** Whether a surplus task may serve until its batch: it runs and nobody forces it out. */
function mayStay(task: Task, snapshot: ServiceSnapshot): boolean {
  return isServing(task, snapshot) && !isForcedOut(nodeOf(task, snapshot));
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
    .flatMap(({ slot, nodeId, status }) => {
      const node = nodeId === undefined ? undefined : snapshot.nodes.get(nodeId);
      if (node === undefined) return [];
      // A follower leaves with its leader, not before.
      const isKept = status.state === 'running' && !isForcedOut(node);
      if (ineligibilityCause(node, snapshot.service) !== undefined && !isKept) return [];
      const mayFill = node.status.state === 'ready' && node.spec.availability === 'active';
      return [{ slot, nodeId: node.id, mayFill }];
    })
    .sort((a, b) => a.slot - b.slot);
}

function byName(a: Node, b: Node): number {
  if (a.spec.name !== b.spec.name) return a.spec.name < b.spec.name ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
