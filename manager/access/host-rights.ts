import type { ClientAccess } from '../common/model/trust/client.js';
import type { PolicyRight, ProjectPolicy } from '../common/model/trust/project-policy.js';
import { allows } from '../common/model/trust/project-policy.js';
import type { HostRight } from './privileges.js';

/** Rights over machines that a client requests, and for what. */
export interface HostRightsRequest {
  /** The object or action, for the refusal: `service web`. */
  readonly what: string;
  /** Project whose policy decides; empty for objects outside projects. */
  readonly project: string;
  readonly rights: readonly HostRight[];
}

/**
 * Decides whether a client that is not an admin gets the rights over machines that it requests.
 * Returns undefined if the policy allows all of them, else the refusal: the object, the fields and
 * the command with which an admin allows them.
 */
export function hostRightsRefusal(
  { name }: Pick<ClientAccess, 'name'>,
  { what, project, rights }: HostRightsRequest,
  policy: ProjectPolicy,
): string | undefined {
  const reserved = rights.filter(({ right }) => right === undefined);
  if (reserved.length > 0) {
    return `${what}: ${fieldsOf(reserved)}: only an admin may request this right over a machine, and client ${name} is not an admin`;
  }
  const denied = rights.filter(({ right }) => right !== undefined && !allows(policy, right));
  if (denied.length === 0) return undefined;
  const refusal = `${what}: ${fieldsOf(denied)}: requests rights over its machine, and client ${name} is not an admin`;
  if (project === '') return `${refusal}; no policy applies to objects outside projects`;
  const flags = new Set(denied.flatMap(({ right }) => (right ? allowFlag(right) : [])));
  return `${refusal}; an admin can allow it with "shoal project policy ${project} ${[...flags].join(' ')}"`;
}

function fieldsOf(rights: readonly HostRight[]): string {
  return [...new Set(rights.map(({ field }) => field))].join(', ');
}

/** The flag of `shoal project policy` that allows a right. */
function allowFlag(right: PolicyRight): string {
  switch (right.kind) {
    case 'bind':
      return `--allow-bind ${quote(right.path)}`;
    case 'capability':
      return `--allow-capability ${quote(right.name)}`;
    default:
      return `--allow-${right.kind}`;
  }
}

function quote(word: string): string {
  return /^[\w./@:+-]+$/u.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
