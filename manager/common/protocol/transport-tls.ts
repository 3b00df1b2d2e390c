import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';
import { constants } from 'node:crypto';
import { AppError } from '../base/errors.js';

/** PEM texts: the authority that both ends trust, and this end's chain and key. */
export interface TlsMaterial {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The fields of the peer's certificate that say who it is, and who signed it. */
export type PeerCertificateNames = Pick<PeerCertificate, 'subject' | 'issuer' | 'valid_to'> &
  Partial<
    Pick<DetailedPeerCertificate, 'raw' | 'serialNumber' | 'subjectaltname' | 'issuerCertificate'>
  >;

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

const problems: Readonly<Record<string, (certificate: PeerCertificate, now: string) => string>> = {
  CERT_HAS_EXPIRED: (certificate, now) =>
    `has expired on ${certificate.valid_to}, by the clock of who says so it is ${now}: if that is right, provision the machine again`,
  CERT_NOT_YET_VALID: (certificate, now) =>
    `is not valid before ${certificate.valid_from}, by the clock of who says so it is ${now}: check the clocks of both machines`,
};

/** Codes of OpenSSL for what is wrong with the authority that signed, not with the certificate. */
const foreign = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** One line: which certificate, whose, what is wrong with it, since when, and what to do. */
export function certificateProblem(
  code: string,
  certificate: Pick<PeerCertificate, 'subject' | 'issuer' | 'valid_from' | 'valid_to'>,
  nowMs: number,
): string {
  const { CN, OU, O } = certificate.subject;
  const whose = `certificate of ${String(CN)} (${String(OU)} of ${String(O)})`;
  const problem = problems[code];
  if (problem !== undefined) {
    return `${whose} ${problem(certificate as PeerCertificate, new Date(nowMs).toUTCString())}`;
  }
  const issuer = String(certificate.issuer.CN);
  const why = foreign.has(code) ? '' : ` (${code})`;
  return `${whose} is not signed by the authority of this cluster, but by "${issuer}"${why}: it belongs to another cluster or user`;
}

/**
 * The verified certificate of a client. Throws `forbidden` that says what is wrong with it when it shows
 * none, or one that is expired or not signed by our authority.
 */
export function clientCertificate(socket: TLSSocket): PeerCertificateNames {
  // Typed as never empty, but it is `{}` when the client showed none.
  const certificate = socket.getPeerCertificate(true) as Partial<DetailedPeerCertificate>;
  if (certificate.subject === undefined) {
    throw new AppError('forbidden', 'no client certificate was shown');
  }
  const full = certificate as DetailedPeerCertificate;
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    throw new AppError('forbidden', certificateProblem(code, full, Date.now()));
  }
  return full;
}
