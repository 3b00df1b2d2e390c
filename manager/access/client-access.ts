import { AppError } from '../common/base/errors.js';
import type { ClientAccess } from '../common/model/trust/client.js';
import { closedPolicy } from '../common/model/trust/project-policy.js';
import type { Peer } from '../transport/peer.js';
import { requireClient } from '../transport/peer.js';
import type { StoreView } from '../store/store.js';
import type { AccessRequest } from './decide-access.js';
import { refusalOf } from './decide-access.js';
import type { HostRightsRequest } from './host-rights.js';
import { hostRightsRefusal } from './host-rights.js';

/**
 * Rights of an authenticated client. A client whose certificate the user's own CA signed owns the
 * cluster. Throws `forbidden` for workers and managers.
 */
export function accessOf(peer: Peer): ClientAccess {
  requireClient(peer);
  if (peer.role === 'client') {
    return { name: peer.nodeId, role: 'admin', projects: [] };
  }
  if (peer.access !== undefined) return peer.access;
  throw new AppError('forbidden', `client ${peer.nodeId}: its rights are not known here`);
}

/** Throws `forbidden` with the refusal unless the client may do what it requests. */
export function requireAccess(access: ClientAccess, request: AccessRequest): void {
  const refusal = refusalOf(access, request);
  if (refusal !== undefined) throw new AppError('forbidden', refusal);
}

/**
 * Throws `forbidden` if a client that is not an admin requests rights over a machine that the
 * policy of the project does not allow.
 */
export function requireHostRights(
  access: ClientAccess,
  request: HostRightsRequest,
  view: Pick<StoreView, 'get'>,
): void {
  if (access.role === 'admin' || request.rights.length === 0) return;
  const policy = view.get('projects', request.project)?.policy ?? closedPolicy;
  const refusal = hostRightsRefusal(access, request, policy);
  if (refusal !== undefined) throw new AppError('forbidden', refusal);
}

/** Throws `forbidden` if a client that is not an admin builds in a network of the machine. */
export function requireBuildNetwork(
  access: ClientAccess,
  networkMode: string | null | undefined,
): void {
  if (access.role === 'admin') return;
  if (['', 'default', 'bridge', 'none'].includes(networkMode ?? '')) return;
  const rights = [{ field: `network ${String(networkMode)}`, right: undefined }];
  const refusal = hostRightsRefusal(access, { what: 'build', project: '', rights }, closedPolicy);
  if (refusal !== undefined) throw new AppError('forbidden', refusal);
}
