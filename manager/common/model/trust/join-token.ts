/**
 * Token with which machines join the cluster by themselves. Only a hash of its secret is stored.
 */
export interface JoinToken {
  readonly id: string;
  readonly role: 'worker';
  readonly label: string;
  /** sha256 of the secret, hex. */
  readonly hash: string;
  readonly createdAt: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Remaining uses; unlimited if absent. */
  readonly usesLeft?: number;
  /** Number of uses so far. */
  readonly used: number;
}
