import { AppError } from '../common/base/errors.js';
import type { ClientAccess } from '../common/model/trust/client.js';
import type { Peer } from '../transport/peer.js';
import { requireClient } from '../transport/peer.js';
import type { AccessRequest } from './decide-access.js';
import { refusalOf } from './decide-access.js';

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
