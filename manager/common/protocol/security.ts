import type { Decoder } from '../base/decode.js';
import { array, nonEmptyString, object } from '../base/decode.js';
import type { ClientAccess, ClientRole } from '../model/trust/client.js';
import type { JoinToken } from '../model/trust/join-token.js';

/** A join token without its hash. The secret itself is returned only at creation. */
export type JoinTokenInfo = Omit<JoinToken, 'hash'>;

export interface CreatedJoinToken {
  readonly token: JoinTokenInfo;
  /** Token text for `shoal worker join --token`. */
  readonly text: string;
}

/** A CA rotation in progress. */
export interface CaRotation {
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
  readonly rotation?: CaRotation;
  /**
   * Authorities of removed managers that some certificates still depend on, with the managers'
   * nodes.
   */
  readonly retiring: readonly { readonly authority: string; readonly nodeId: string }[];
  readonly members: readonly CaMember[];
  /** Id of the key that seals secrets in the store. */
  readonly sealingKey?: string;
}

/** A manager or worker, and whether the current authority signed its certificate. */
export interface CaMember {
  readonly name: string;
  readonly role: 'manager' | 'worker';
  /** `away`: not connected, so its certificate is unknown. */
  readonly certificate: 'current' | 'old' | 'away';
}

/** A client without the fingerprints of its certificates. */
export interface ClientInfo extends ClientAccess {
  readonly createdAt: number;
  /** When the last certificate expires, ms since the epoch. */
  readonly expiresAt: number;
  /** Serial numbers of the accepted certificates, oldest first. */
  readonly serials: readonly string[];
}

/** A certificate that was issued to a client. */
export interface IssuedClient {
  readonly client: ClientInfo;
  /** Certificate of the client and of the authority that signed it, PEM. */
  readonly chain: string;
}

/** Client calls about clients. */
export interface ClientCallMap {
  /** Creates a client and signs its certificate request (PKCS #10, PEM). */
  'client.create': {
    args: ClientAccess & { readonly lifetimeMs: number; readonly request: string };
    result: IssuedClient;
  };
  'client.list': { args: Record<string, never>; result: readonly ClientInfo[] };
  /** Changes rights; open streams of the client end if it loses one. */
  'client.update': {
    args: {
      readonly name: string;
      readonly role?: ClientRole;
      /** Replaces the projects; empty lifts the limit. */
      readonly projects?: readonly string[];
    };
    result: ClientInfo;
  };
  /** Revokes all certificates of the client at once and ends its open streams. */
  'client.remove': { args: { readonly name: string }; result: null };
  /** Signs a further certificate of the client; the last one stays valid until it expires. */
  'client.renew': {
    args: { readonly name: string; readonly request: string; readonly lifetimeMs?: number };
    result: IssuedClient;
  };
  /** Signs a further certificate of the calling client. */
  'client.renew-own': { args: { readonly request: string }; result: IssuedClient };
}

/** Client calls about certificates and join tokens. */
export interface SecurityCallMap {
  'ca.status': { args: Record<string, never>; result: CaStatus };
  /**
   * Creates a key for the next authority and returns its certificate signing request (PKCS #10,
   * PEM), to be signed by the user's CA.
   */
  'ca.request': { args: Record<string, never>; result: { readonly request: string } };
  /** Installs the next authority as the signing one; the old and the new one are trusted. */
  'ca.install': { args: { readonly certificate: string }; result: null };
  /** Revokes the old authority; with `force` even if some members still depend on it. */
  'ca.finish': { args: { readonly force: boolean }; result: { readonly refused: string } };
  'ca.set': { args: { readonly certificateLifetimeMs: number }; result: null };
  /** Revokes a client certificate by its serial number, hex. */
  'ca.revoke': { args: { readonly serial: string }; result: null };
  /** Reseals every secret of the store with a new key. Returns the number of secrets. */
  'ca.rotate-key': { args: Record<string, never>; result: { readonly sealed: number } };
  'token.create': {
    args: { readonly ttlMs: number; readonly uses?: number; readonly label?: string };
    result: CreatedJoinToken;
  };
  'token.list': { args: Record<string, never>; result: readonly JoinTokenInfo[] };
  'token.remove': { args: { readonly id: string }; result: null };
  /** Replaces a token's secret; the old secret becomes invalid. */
  'token.rotate': { args: { readonly id: string }; result: CreatedJoinToken };
}

/** Body of `POST` on `paths.join`, which requires no certificate. */
export interface JoinRequest {
  readonly tokenId: string;
  readonly secret: string;
  /** Certificate signing request (PKCS #10, PEM). */
  readonly request: string;
  /** Node name; unique in the cluster. */
  readonly name: string;
}

export interface JoinResponse {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly nodeId: string;
  /** Certificate of the node and of the authority that signed it, PEM. */
  readonly chain: string;
  /** Addresses of all managers, `host:port`. */
  readonly managers: readonly string[];
}

export const joinResponse: Decoder<JoinResponse> = object({
  clusterId: nonEmptyString,
  clusterName: nonEmptyString,
  nodeId: nonEmptyString,
  chain: nonEmptyString,
  managers: array(nonEmptyString),
});

/**
 * Answer to `GET` on `paths.authority`, which requires no certificate. The client compares the hash
 * of the certificate with the one in its join token.
 */
export interface AuthorityResponse {
  /** PEM. */
  readonly ca: string;
}

export const authorityResponse: Decoder<AuthorityResponse> = object({ ca: nonEmptyString });
