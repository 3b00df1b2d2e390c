/** Roles of clients; each may do what the roles before it may. */
export const clientRoles = ['read', 'deploy', 'admin'] as const;
export type ClientRole = (typeof clientRoles)[number];

/** Rights of a client, which the manager looks up when it authenticates the client. */
export interface ClientAccess {
  /** Name of the client, unique in the cluster. */
  readonly name: string;
  readonly role: ClientRole;
  /** Projects that the client is limited to; empty for all of them. */
  readonly projects: readonly string[];
}

/** A certificate of a client. */
export interface ClientCertificate {
  /** Lower-case hex. */
  readonly serial: string;
  /** sha256 of the certificate (DER), hex. */
  readonly fingerprint: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A client that an admin created. Only the certificates that it lists are accepted. */
export interface ClientRecord extends ClientAccess {
  readonly createdAt: number;
  /** Lifetime of a renewed certificate, ms. */
  readonly lifetimeMs: number;
  /** Oldest first; a renewal keeps the certificate that was in use. */
  readonly certificates: readonly ClientCertificate[];
}
