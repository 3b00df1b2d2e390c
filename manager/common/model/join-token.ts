/** Lets machines become nodes without their owner's computer. Only a hash of its secret is kept. */
export interface JoinToken {
  readonly id: string;
  readonly role: 'worker';
  readonly label: string;
  /** sha256 of the secret, hex. */
  readonly hash: string;
  readonly createdAt: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** How often it can still be used; any number of times when not there. */
  readonly usesLeft?: number;
  /** How often it was used. */
  readonly used: number;
}
