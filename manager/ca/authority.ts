import { X509Certificate } from 'node:crypto';
import { AppError } from '../common/base/errors.js';
import type { CertificateKeyPaths } from '../common/pki/pki-files.js';
import { readKeyPair } from '../common/pki/pki-files.js';
import { authorityId } from '../common/pki/pki-peer.js';
import type { KeyPair, PeerIdentity } from '../common/pki/pki.js';
import { signNode } from '../common/pki/pki.js';

/** Default lifetime of worker and manager certificates: 90 days. */
export const defaultNodeLifetimeMs = 90 * 86_400_000;

const hourMs = 3_600_000;

export interface NodeSigningRequest {
  /** PKCS #10, PEM. */
  readonly request: string;
  readonly identity: PeerIdentity;
  readonly alternativeNames: readonly string[];
  readonly lifetimeMs: number;
}

/** A manager's intermediate CA; signs the certificates of workers and managers. */
export class ClusterAuthority {
  readonly #pair: KeyPair;
  readonly #certificate: X509Certificate;
  readonly id: string;

  /** Rejects with `invalid` if a file is missing or certificate and key do not match. */
  static async read(paths: CertificateKeyPaths): Promise<ClusterAuthority> {
    return new ClusterAuthority(await readKeyPair(paths));
  }

  constructor(pair: KeyPair) {
    this.#pair = pair;
    this.#certificate = new X509Certificate(pair.cert);
    this.id = authorityId(this.#certificate);
  }

  /** Certificate, PEM. */
  get cert(): string {
    return this.#pair.cert;
  }

  get notAfterMs(): number {
    return Date.parse(this.#certificate.validTo);
  }

  /**
   * Signs a request; resolves with the chain (PEM), which never outlives the CA. Rejects with
   * `invalid` for a bad request and with `unavailable` if the CA has expired.
   */
  async sign(order: NodeSigningRequest, nowMs: number): Promise<string> {
    const { lifetimeMs, ...rest } = order;
    if (this.notAfterMs <= nowMs) {
      throw new AppError(
        'unavailable',
        `intermediate CA: expired on ${this.#certificate.validTo}; run "shoal ca rotate"`,
      );
    }
    return signNode(this.#pair, {
      ...rest,
      validity: {
        // Backdated for clock skew, by at most the lifetime itself.
        notBefore: new Date(nowMs - Math.min(hourMs, lifetimeMs)),
        notAfter: new Date(Math.min(nowMs + lifetimeMs, this.notAfterMs)),
      },
    });
  }
}
