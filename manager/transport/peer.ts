/** Who is at the other end, as its certificate says; the manager's composition root fills it in. */
export interface Peer {
  /** Cluster of a worker or manager; of a client, its user. */
  readonly clusterId: string;
  readonly role: 'worker' | 'manager' | 'client';
  readonly nodeId: string;
  /** Names that stand in its certificate: a renewed one carries them on. */
  readonly alternativeNames?: readonly string[];
  /** Serial number of its certificate, lower-case hex. */
  readonly serial?: string;
  /** Of a worker or manager: id of the authority that signed its certificate. */
  readonly authority?: string;
  /** The manager that passed the request on. */
  readonly via?: string;
}
