import type { JoinToken } from '../model/join-token.js';

/** A token as it is shown: its secret is known to nobody after it was made. */
export type ShownToken = Omit<JoinToken, 'hash'>;

export interface MadeToken {
  readonly token: ShownToken;
  /** What `shoal worker join --token` takes. */
  readonly text: string;
}

/** A rotation that is under way. */
export interface Rotation {
  /** Ids of authorities, see ca/pki-peer.ts. */
  readonly from: string;
  readonly to: string;
  readonly startedAt: number;
}

export interface CaStatus {
  readonly authority: { readonly id: string; readonly notAfterMs: number };
  readonly certificateLifetimeMs: number;
  readonly refusedAuthorities: readonly string[];
  readonly refusedClients: readonly string[];
  readonly rotation?: Rotation;
  /** Authorities of removed managers that some nodes still need, and the managers' nodes. */
  readonly retiring: readonly { readonly authority: string; readonly nodeId: string }[];
  readonly members: readonly CaMember[];
  /** The key that seals secrets in the store; its id only. */
  readonly sealingKey?: string;
}

/** A manager or worker, and whether its certificate comes from the authority there is now. */
export interface CaMember {
  readonly name: string;
  readonly role: 'manager' | 'worker';
  /** `away`: not connected, so that its certificate is not known. */
  readonly certificate: 'current' | 'old' | 'away';
}

/** Calls of the client that are about trust. */
export interface SecurityCallMap {
  'ca.status': { args: Record<string, never>; result: CaStatus };
  /** Makes a key for the next authority and gives its request (PKCS #10, PEM) to be signed by the user's. */
  'ca.request': { args: Record<string, never>; result: { readonly request: string } };
  /** Signs with this next authority from now on; both are trusted. */
  'ca.install': { args: { readonly certificate: string }; result: null };
  /** Refuses what the old authority signed. `force`: also when some members still need it. */
  'ca.finish': { args: { readonly force: boolean }; result: { readonly refused: string } };
  'ca.set': { args: { readonly certificateLifetimeMs: number }; result: null };
  /** Refuses a client's certificate, by serial number in hex, from now on. */
  'ca.revoke': { args: { readonly serial: string }; result: null };
  /** Seals every secret of the store with a new key. Returns how many. */
  'ca.rotate-key': { args: Record<string, never>; result: { readonly sealed: number } };
  'token.create': {
    args: { readonly ttlMs: number; readonly uses?: number; readonly label?: string };
    result: MadeToken;
  };
  'token.list': { args: Record<string, never>; result: readonly ShownToken[] };
  'token.remove': { args: { readonly id: string }; result: null };
  /** Gives a token a new secret; the old one opens nothing from now on. */
  'token.rotate': { args: { readonly id: string }; result: MadeToken };
}

/** What a machine sends to `paths.join`, which needs no certificate. */
export interface JoinRequest {
  readonly tokenId: string;
  readonly secret: string;
  /** PKCS #10, PEM. */
  readonly request: string;
  /** The node's name; unique in the cluster. */
  readonly name: string;
  readonly alternativeNames: readonly string[];
}

export interface JoinAnswer {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly nodeId: string;
  /** PEM: the node's certificate and the authority that signed it. */
  readonly chain: string;
  /** `host:port` of every manager. */
  readonly managers: readonly string[];
}

/** Answer to `GET` on `paths.authority`, for anybody: who asks compares its hash with what a token says. */
export interface AuthorityAnswer {
  /** PEM. */
  readonly ca: string;
}
