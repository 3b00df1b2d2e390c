import { parseConstraint, satisfies } from '../../manager/common/model/constraint.js';
import type { Node } from '../../manager/common/model/node.js';
import { parsePlatform, runsPlatform } from '../../manager/common/model/platform.js';

/** What decides, by itself alone, whether something may come to run on a node. */
export interface NodeDemand {
  readonly platform: string | undefined;
  /** All must hold; one that cannot be read is told of by the scheduler. */
  readonly constraints: readonly string[];
}

/** Whether a node takes new tasks and suits this one, its room left aside. */
export function nodeFits(node: Node, { platform, constraints }: NodeDemand): boolean {
  const { status, spec, description } = node;
  if (status.state !== 'ready' || spec.availability !== 'active') return false;
  const { os, arch } = description;
  if (platform !== undefined && !runsPlatform(parsePlatform(platform), os, arch)) return false;
  return constraints.every((text) => holds(node, text));
}

function holds(node: Node, text: string): boolean {
  try {
    return satisfies(node, parseConstraint(text));
  } catch {
    return true;
  }
}
