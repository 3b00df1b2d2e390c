import { describeUnsatisfied, parseConstraint, satisfies } from '../model/constraint.js';
import type { Constraint } from '../model/constraint.js';
import type { Node } from '../model/node.js';
import { parsePlatform, runsPlatform } from '../model/platform.js';
import type { Service } from '../model/service.js';
import type { Task } from '../model/task.js';
import type { ServiceScene } from './scene.js';
import { nodeNameOf, nodeOf } from './scene.js';

/** Why a task has to leave the node it is on; undefined lets it stay. */
export function leaveCause(task: Task, scene: ServiceScene): string | undefined {
  const node = nodeOf(task, scene);
  if (node === undefined) return undefined;
  return unfitCause(node, scene.service) ?? ownerCause(task, scene);
}

/** Why nothing of the service may be on that node. A paused node keeps what it has. */
export function unfitCause(node: Node, service: Service): string | undefined {
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

/** Those that can be read: the scheduler explains the others to the user. */
function constraintsOf(service: Service): readonly Constraint[] {
  return service.spec.task.placement.constraints.flatMap((text) => {
    try {
      return [parseConstraint(text)];
    } catch {
      return [];
    }
  });
}

/**
 * A container in another's network namespace is cut off when that one moves or is started again: the
 * namespace it holds is no longer anybody's.
 */
function ownerCause(task: Task, scene: ServiceScene): string | undefined {
  const mode = scene.service.spec.task.container.networkMode;
  const owner = scene.networkOwners.get(task.slot);
  if (mode.kind !== 'service' || owner?.nodeId === undefined) return undefined;
  if (owner.nodeId !== task.nodeId) {
    return `${mode.service}.${task.slot}, whose network it shares, is on ${nodeNameOf(owner, scene)}`;
  }
  const [ownerStart, start] = [owner.status.startedAt, task.status.startedAt];
  const isCutOff = ownerStart !== undefined && start !== undefined && ownerStart > start;
  return isCutOff
    ? `${mode.service}.${task.slot}, whose network it shares, was started again`
    : undefined;
}
