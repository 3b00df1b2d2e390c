import { parseConstraint, satisfies } from '../../manager/common/model/constraint.js';
import type { Node } from '../../manager/common/model/node.js';
import { parsePlatform, runsPlatform } from '../../manager/common/model/platform.js';

/** Placement requirements that depend only on the node. */
export interface NodeRequirements {
  readonly platform: string | undefined;
  /** All must match; a malformed constraint counts as met, because the scheduler reports it. */
  readonly constraints: readonly string[];
}

/** Whether a node accepts new tasks and meets the requirements; ignores free resources. */
export function nodeFits(node: Node, { platform, constraints }: NodeRequirements): boolean {
  const { status, spec, description } = node;
  if (status.state !== 'ready' || spec.availability !== 'active') return false;
  const { os, arch } = description;
  if (platform !== undefined && !runsPlatform(parsePlatform(platform), os, arch)) return false;
  return constraints.every((text) => matches(node, text));
}

function matches(node: Node, text: string): boolean {
  try {
    return satisfies(node, parseConstraint(text));
  } catch {
    return true;
  }
}
