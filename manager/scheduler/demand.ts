import { messageOf } from '../base/errors.js';
import type { Constraint } from '../model/constraint.js';
import { parseConstraint } from '../model/constraint.js';
import type { NodeId } from '../model/ids.js';
import type { Volume } from '../model/network.js';
import type { Platform } from '../model/platform.js';
import { parsePlatform } from '../model/platform.js';
import type { Task } from '../model/task.js';
import type { NodeSet } from './node-set.js';

/** What one group of like tasks asks of a node, worked out once. */
export interface Demand {
  /** One of the group: they differ in slot and id only. */
  readonly task: Task;
  readonly constraints: readonly Constraint[];
  readonly platform: Platform | undefined;
  /** The only nodes that come into question, and why; undefined is all. */
  readonly bound: Bound | undefined;
  /** Volumes that come to be where the first task is placed. */
  readonly unpinned: readonly Volume[];
}

export interface Bound {
  readonly nodeIds: readonly NodeId[];
  /** `volume data is on node-3`. */
  readonly cause: string;
}

export type DemandResult =
  | { readonly kind: 'demand'; readonly demand: Demand }
  /** No node would do: something about the task itself is missing or wrong. */
  | { readonly kind: 'blocked'; readonly reason: string };

export function demandOf(task: Task, set: NodeSet): DemandResult {
  let constraints;
  try {
    constraints = task.spec.placement.constraints.map(parseConstraint);
  } catch (error) {
    return { kind: 'blocked', reason: messageOf(error) };
  }
  const bounds: Bound[] = [];
  const unpinned: Volume[] = [];
  if (task.nodeId !== undefined) {
    bounds.push({ nodeIds: [task.nodeId], cause: `it belongs on ${nodeName(task.nodeId, set)}` });
  }
  const reason =
    bindToNetworkOwner(task, set, bounds) ?? bindToVolumes(task, set, { bounds, unpinned });
  if (reason !== undefined) return { kind: 'blocked', reason };
  const bound = intersect(bounds);
  if (bound === 'nothing') {
    return { kind: 'blocked', reason: bounds.map((each) => each.cause).join(', but ') };
  }
  const { platform } = task.spec.container;
  return {
    kind: 'demand',
    demand: {
      task,
      constraints,
      platform: platform === undefined ? undefined : parsePlatform(platform),
      bound,
      unpinned,
    },
  };
}

/** A container in another's network namespace runs where that one runs, and after it. */
function bindToNetworkOwner(task: Task, set: NodeSet, bounds: Bound[]): string | undefined {
  const mode = task.spec.container.networkMode;
  if (mode.kind !== 'service') return undefined;
  const name = `${mode.service}.${String(task.slot)}`;
  const owner = set.current(task.project, mode.service, task.slot);
  if (owner?.nodeId === undefined || owner.status.state !== 'running') {
    return `it shares the network of ${name}, which does not run`;
  }
  bounds.push({
    nodeIds: [owner.nodeId],
    cause: `it shares the network of ${name} on ${nodeName(owner.nodeId, set)}`,
  });
  return undefined;
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
    if (volume === undefined) return `volume ${name} does not exist`;
    if (volume.removing) return `volume ${name} is being removed`;
    if (volume.nodeIds.length === 0) {
      if (volume.spec.external) return `external volume ${name} is on no node`;
      into.unpinned.push(volume);
    } else if (isShared(volume)) {
      into.unpinned.push(volume);
    } else {
      const where = volume.nodeIds.map((id) => nodeName(id, set)).join(', ');
      into.bounds.push({ nodeIds: volume.nodeIds, cause: `volume ${name} is on ${where}` });
    }
  }
  return undefined;
}

/** The local driver mounting a network file system: every node sees the same data. */
function isShared(volume: Volume): boolean {
  return /^(nfs\d?|cifs|smb\d?|ceph|glusterfs)$/.test(volume.spec.driverOpts.type ?? '');
}

function intersect(bounds: readonly Bound[]): Bound | undefined | 'nothing' {
  const [first, ...others] = bounds;
  if (first === undefined) return undefined;
  const nodeIds = first.nodeIds.filter((id) => others.every((bound) => bound.nodeIds.includes(id)));
  if (nodeIds.length === 0) return 'nothing';
  return { nodeIds, cause: bounds.map((bound) => bound.cause).join(', ') };
}

export function nodeName(id: NodeId, set: NodeSet): string {
  return set.get(id)?.node.spec.name ?? `${id} (no longer in the cluster)`;
}
