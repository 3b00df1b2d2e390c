import type { CallPreview } from '../../manager/common/protocol/control.js';
import type {
  PlannedStep,
  ProjectApplyResult,
} from '../../manager/common/protocol/project-calls.js';

/** Formats the plan of `up` or `run`: the objects, then the container operations. */
export function appliedLines({ changes, steps = [] }: ProjectApplyResult): string {
  const lines = changes.map(
    ({ kind, name, action, cause }) =>
      `${kind} ${name}: ${action}${cause === '' ? '' : ` (${cause})`}\n`,
  );
  return [...lines, ...steps.map(stepLine)].join('');
}

/** Formats a planned step: `container web-1: create on node-2 (was missing); node-2: …`. */
function stepLine({ action, container, node, cause, placement }: PlannedStep): string {
  const where = node === '' ? '' : ` on ${node}`;
  const none = node === '' && action === 'create' ? ', no eligible node now' : '';
  const why = placement === undefined || placement === '' ? '' : `; ${placement}`;
  return `container ${container}: ${action}${where} (${cause})${none}${why}\n`;
}

/** Formats the plan of a call: the changed objects, then the container operations. */
export function previewLines({ changes, steps }: CallPreview): string {
  const lines = [...changes.map((line) => `${line}\n`), ...steps.map(stepLine)];
  return lines.length === 0 ? 'nothing to change\n' : lines.join('');
}
