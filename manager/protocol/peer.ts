/** Who is at the other end, as its certificate says; the manager's composition root fills it in. */
export interface Peer {
  /** Cluster of a worker or manager; of a client, its user. */
  readonly clusterId: string;
  readonly role: 'worker' | 'manager' | 'client';
  readonly nodeId: string;
}
