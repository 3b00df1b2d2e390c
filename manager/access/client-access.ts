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

/**
 * Throws `forbidden` if a client that is not an admin requests a right over a machine; `privilege`
 * names it, undefined if none is requested.
 */
export function requireNoPrivilege(
  { name, role }: ClientAccess,
  action: string,
  privilege: string | undefined,
): void {
  if (role === 'admin' || privilege === undefined) return;
  throw new AppError(
    'forbidden',
    `${action}: requests rights over its machine (${privilege}), and client ${name} is not an admin`,
  );
}

/** The right over its machine that a build requests: the machine's network or a container's. */
export function buildPrivilege(networkMode: string | null | undefined): string | undefined {
  const isOwn = ['', 'default', 'bridge', 'none'].includes(networkMode ?? '');
  return isOwn ? undefined : `network ${String(networkMode)}`;
}
