import { X509Certificate } from 'node:crypto';
import { AppError } from '../common/base/errors.js';
import type { PairPaths } from '../common/pki/pki-files.js';
import { readPair } from '../common/pki/pki-files.js';
import { authorityId } from '../common/pki/pki-peer.js';
import type { KeyPair, PeerIdentity } from '../common/pki/pki.js';
import { signNode } from '../common/pki/pki.js';

/** How long certificates of workers and managers last unless the cluster says otherwise. */
export const nodeLifetimeMs = 90 * 86_400_000;

const hourMs = 3_600_000;

export interface NodeRequest {
  /** PKCS #10, PEM. */
  readonly request: string;
  readonly identity: PeerIdentity;
  readonly alternativeNames: readonly string[];
  readonly lifetimeMs: number;
}

/** The cluster's authority as a manager holds it: signs workers and managers. */
export class ClusterAuthority {
  readonly #pair: KeyPair;
  readonly #certificate: X509Certificate;
  readonly id: string;

  /** Throws `invalid` when the files are missing or do not belong together. */
  static async read(paths: PairPaths): Promise<ClusterAuthority> {
    return new ClusterAuthority(await readPair(paths));
  }

  constructor(pair: KeyPair) {
    this.#pair = pair;
    this.#certificate = new X509Certificate(pair.cert);
    this.id = authorityId(this.#certificate);
  }

  /** PEM. */
  get cert(): string {
    return this.#pair.cert;
  }

  get notAfterMs(): number {
    return Date.parse(this.#certificate.validTo);
  }

  /** The chain for a request, never longer valid than the authority itself. Throws `invalid`. */
  async sign(order: NodeRequest, nowMs: number): Promise<string> {
    const { lifetimeMs, ...rest } = order;
    if (this.notAfterMs <= nowMs) {
      throw new AppError(
        'unavailable',
        `the authority of this cluster has expired on ${this.#certificate.validTo}: run "shoal ca rotate"`,
      );
    }
    return signNode(this.#pair, {
      ...rest,
      validity: {
        // Machines' clocks differ; but a life of minutes is not to begin long ago.
        notBefore: new Date(nowMs - Math.min(hourMs, lifetimeMs)),
        notAfter: new Date(Math.min(nowMs + lifetimeMs, this.notAfterMs)),
      },
    });
  }
}
