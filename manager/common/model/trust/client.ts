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
