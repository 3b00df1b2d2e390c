import { describeUnsatisfied, parseConstraint, satisfies } from '../common/model/constraint.js';
import type { Constraint } from '../common/model/constraint.js';
import type { Node } from '../common/model/node.js';
import { parsePlatform, runsPlatform } from '../common/model/platform.js';
import { describeTie, needsLive } from '../common/model/pod.js';
import type { Service } from '../common/model/service.js';
import { isTerminal } from '../common/model/task-state.js';
import type { Task } from '../common/model/task.js';
import type { ServiceScene } from './scene.js';
import { nodeNameOf, nodeOf } from './scene.js';

/** Why a task has to leave the node it is on; undefined lets it stay. */
export function leaveCause(task: Task, scene: ServiceScene): string | undefined {
  const node = nodeOf(task, scene);
  if (node === undefined) return undefined;
  return unfitCause(node, scene.service) ?? leaderCause(task, scene);
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

/** Undefined while every leader it is tied to is still the one it was made with. */
function leaderCause(task: Task, scene: ServiceScene): string | undefined {
  for (const { tie, bySlot } of scene.leaders) {
    const leader = bySlot.get(task.slot);
    if (leader?.nodeId === undefined) continue;
    const whose = `${tie.service}.${task.slot}, whose ${describeTie(tie)} it shares,`;
    if (leader.nodeId !== task.nodeId) return `${whose} is on ${nodeNameOf(leader, scene)}`;
    if (needsLive(tie) ? isRestarted(leader, task) : isMadeAnew(leader, task)) {
      return `${whose} was ${needsLive(tie) ? 'started again' : 'made anew'}`;
    }
  }
  return undefined;
}

/**
 * Why a task that has ended has to be made again: its leader took it along when it ended, and is there
 * again. What ended before, or by itself and well, stays ended unless its leader is another container.
 */
export function revivalCause(task: Task, scene: ServiceScene): string | undefined {
  for (const { tie, bySlot } of scene.leaders) {
    const leader = bySlot.get(task.slot);
    if (leader === undefined || !needsLive(tie) || isTerminal(leader.status.state)) continue;
    const whose = `${tie.service}.${task.slot}, whose ${describeTie(tie)} it shares,`;
    if (isMadeAnew(leader, task)) return `${whose} was made anew`;
    const tookAlong = task.status.state === 'failed' && isRestarted(leader, task);
    if (tookAlong) return `${whose} was started again`;
  }
  return undefined;
}

/** The namespace it holds is no longer anybody's. */
function isRestarted(leader: Task, task: Task): boolean {
  const [leaderStart, start] = [leader.status.startedAt, task.status.startedAt];
  return leaderStart !== undefined && start !== undefined && leaderStart > start;
}

function isMadeAnew(leader: Task, task: Task): boolean {
  return leader.adopts === undefined && leader.createdAt > task.createdAt;
}
