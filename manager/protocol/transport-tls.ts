import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';
import { constants } from 'node:crypto';
import { AppError } from '../base/errors.js';

/** PEM texts: the authority that both ends trust, and this end's chain and key. */
export interface TlsMaterial {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The fields of the peer's certificate that say who it is. */
export type PeerCertificateNames = Pick<PeerCertificate, 'subject' | 'issuer' | 'valid_to'>;

/** Options of both ends. No session tickets: a resumed session would skip the look at the certificate. */
export function tlsOptions(material: TlsMaterial): {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly minVersion: 'TLSv1.3';
  readonly secureOptions: number;
} {
  return { ...material, minVersion: 'TLSv1.3', secureOptions: constants.SSL_OP_NO_TICKET };
}

const problems: Readonly<Record<string, (certificate: PeerCertificate) => string>> = {
  CERT_HAS_EXPIRED: (certificate) => `has expired on ${certificate.valid_to}`,
  CERT_NOT_YET_VALID: (certificate) =>
    `is not valid before ${certificate.valid_from}: check the clocks`,
};

/**
 * The verified certificate of a client. Throws `forbidden` that says what is wrong with it when it shows
 * none, or one that is expired or not signed by our authority.
 */
export function clientCertificate(socket: TLSSocket): PeerCertificateNames {
  // Typed as never empty, but it is `{}` when the client showed none.
  const certificate = socket.getPeerCertificate() as Partial<DetailedPeerCertificate>;
  if (certificate.subject === undefined) {
    throw new AppError('forbidden', 'no client certificate was shown');
  }
  const full = certificate as DetailedPeerCertificate;
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    const problem =
      problems[code]?.(full) ?? `is not signed by the authority of this cluster (${code})`;
    throw new AppError('forbidden', `certificate of ${String(full.subject.CN)} ${problem}`);
  }
  return full;
}
