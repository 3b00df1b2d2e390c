import { isFields } from '../common/base/decode.js';
import type { ClientAccess, ClientRole } from '../common/model/trust/client.js';
import { clientRoles } from '../common/model/trust/client.js';
import { callRights } from './call-rights.js';
import type { RequiredRight } from './required-right.js';

/** A call or route, as a client requests it. */
export interface AccessRequest {
  /** Name of the call or route, for the refusal. */
  readonly action: string;
  /** Undefined if the call is not in the table: it is refused to all clients. */
  readonly required: RequiredRight | undefined;
  /** Project that the arguments name. */
  readonly project?: string | undefined;
}

/**
 * Decides whether a client may do what it requests. Returns undefined if it may, else the refusal:
 * one line that names the client and what it lacks.
 */
export function refusalOf(access: ClientAccess, request: AccessRequest): string | undefined {
  const { action, required, project } = request;
  const { name, role, projects } = access;
  if (required === undefined) return `${action}: no client may call it; its right is not declared`;
  if (!includesRole(role, required.role)) {
    return `${action}: client ${name} has role ${role}; an admin can grant role ${required.role} with "shoal client update"`;
  }
  if (projects.length === 0) return undefined;
  const limit = `client ${name} is limited to ${describeProjects(projects)}`;
  if (required.scope === 'cluster') return `${action}: acts outside projects, and ${limit}`;
  if (project === undefined) {
    return required.scope === 'project' ? `${action}: names no project, and ${limit}` : undefined;
  }
  return projects.includes(project) ? undefined : `${action}: project ${project}: ${limit}`;
}

function includesRole(role: ClientRole, required: ClientRole): boolean {
  return clientRoles.indexOf(role) >= clientRoles.indexOf(required);
}

function describeProjects(projects: readonly string[]): string {
  return `${projects.length === 1 ? 'project' : 'projects'} ${projects.join(', ')}`;
}

function isTableName(name: string): name is keyof typeof callRights {
  return Object.hasOwn(callRights, name);
}

/**
 * The access request of a control call or stream with its unchecked arguments. A preview requires
 * what the call requires that it previews.
 */
export function controlRequest(name: string, args: unknown): AccessRequest {
  if (name === 'preview') {
    if (!isFields(args) || typeof args.call !== 'string' || args.call === 'preview') {
      return { action: name, required: undefined };
    }
    return controlRequest(args.call, args.args);
  }
  const project = isFields(args) && typeof args.project === 'string' ? args.project : undefined;
  return { action: name, required: isTableName(name) ? callRights[name] : undefined, project };
}
