import type { ClientAccess } from '../common/model/trust/client.js';
import { AppError } from '../common/base/errors.js';

/** Identity of the remote end, from its certificate; set by the manager's composition root. */
export interface Peer {
  /** Cluster of a worker or manager; user of a client. */
  readonly clusterId: string;
  readonly role: 'worker' | 'manager' | 'client';
  readonly nodeId: string;
  /** Serial number of the certificate, lower-case hex. */
  readonly serial?: string;
  /** Id of the authority that signed the certificate of a worker or manager. */
  readonly authority?: string;
  /** Rights of a client that is not the cluster's owner. */
  readonly access?: ClientAccess;
  /** Node id of the manager that forwarded the request. */
  readonly via?: string;
}

/** Throws `forbidden` unless the peer is a client. */
export function requireClient({ role }: Peer): void {
  if (role === 'client') return;
  throw new AppError('forbidden', `control API: not allowed for role ${role}`);
}
