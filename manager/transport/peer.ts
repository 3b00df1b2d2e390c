import type { ClientAccess } from '../common/model/trust/client.js';
import { AppError } from '../common/base/errors.js';

/** Identity of the remote end, from its certificate; set by the manager's composition root. */
export interface Peer {
  /** Cluster of a worker, manager or user; user name of an owner. */
  readonly clusterId: string;
  /** `client` owns the cluster; `user` has the rights in `access`. */
  readonly role: 'worker' | 'manager' | 'client' | 'user';
  readonly nodeId: string;
  /** Serial number of the certificate, lower-case hex. */
  readonly serial?: string;
  /** Id of the authority that signed the certificate of a worker or manager. */
  readonly authority?: string;
  /** Of a user: sha256 of the certificate, hex. */
  readonly fingerprint?: string;
  /** Rights of a user; only the leader knows them. */
  readonly access?: ClientAccess;
  /** IP address of the client, also if another manager forwarded the request. */
  readonly address?: string;
  /** Node id of the manager that forwarded the request. */
  readonly via?: string;
}

/** Throws `forbidden` unless the peer is a client. */
export function requireClient({ role }: Peer): void {
  if (role === 'client' || role === 'user') return;
  throw new AppError('forbidden', `control API: not allowed for role ${role}`);
}
