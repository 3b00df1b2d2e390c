import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';
import { constants } from 'node:crypto';
import { AppError } from '../base/errors.js';

/** PEM texts: the authority that both ends trust, and the local certificate chain and key. */
export interface TlsMaterial {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Fields of a peer's certificate that identify the peer and its signer. */
export type PeerCertificateFields = Pick<PeerCertificate, 'subject' | 'issuer' | 'valid_to'> &
  Partial<Pick<DetailedPeerCertificate, 'raw' | 'serialNumber' | 'issuerCertificate'>>;

/**
 * Every TLS client sets this: otherwise NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment would
 * accept any server.
 */
export const verifiedTls = { rejectUnauthorized: true } as const;

/**
 * TLS options for clients and servers. Session tickets are disabled, because a resumed session
 * skips the certificate check.
 */
export function tlsOptions(material: TlsMaterial): {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly minVersion: 'TLSv1.3';
  readonly secureOptions: number;
  readonly rejectUnauthorized: true;
} {
  return {
    ...material,
    ...verifiedTls,
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** Forward-secret AEAD suites of TLS 1.2, behind those of TLS 1.3. */
const serverCiphers = [
  ...['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
].join(':');

/**
 * TLS options of the manager's port. Docker clients before TLS 1.3 share it; the router refuses
 * TLS 1.2 for the cluster's own protocol, whose clients never offer it.
 */
export function serverTlsOptions(material: TlsMaterial): object {
  return {
    ...tlsOptions(material),
    minVersion: 'TLSv1.2',
    ciphers: serverCiphers,
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

const problems: Readonly<Record<string, (certificate: PeerCertificate, now: string) => string>> = {
  CERT_HAS_EXPIRED: (certificate, now) =>
    `has expired on ${certificate.valid_to} (verifier's clock: ${now}); if that clock is right, provision the machine again`,
  CERT_NOT_YET_VALID: (certificate, now) =>
    `is not valid before ${certificate.valid_from} (verifier's clock: ${now}); check the clocks of both machines`,
  INVALID_PURPOSE: () =>
    'is not for this end of a connection, as that of a worker is not for a server; check the address',
};

/** Node's names of OpenSSL's verification errors: the certificate was read and rejected. */
export const isVerificationCode = (code: string): boolean =>
  /^(?:CERT_|UNABLE_|DEPTH_|SELF_SIGNED|INVALID_|PATH_LENGTH_EXCEEDED|CRL_|ERROR_IN_)/u.test(code);

/** OpenSSL error codes that mean the signer is unknown rather than the certificate invalid. */
const unknownAuthorityCodes = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/**
 * One-line description of a verification error: the certificate's owner, the problem and the
 * remedy.
 */
export function describeCertificateError(
  code: string,
  certificate: Pick<PeerCertificate, 'subject' | 'issuer' | 'valid_from' | 'valid_to'>,
  nowMs: number,
): string {
  const { CN, OU, O } = certificate.subject;
  const subject = `certificate of ${String(CN)} (${String(OU)} of ${String(O)})`;
  const problem = problems[code];
  if (problem !== undefined) {
    return `${subject} ${problem(certificate as PeerCertificate, new Date(nowMs).toUTCString())}`;
  }
  const issuer = String(certificate.issuer.CN);
  const reason = unknownAuthorityCodes.has(code) ? '' : ` (${code})`;
  return `${subject} is signed by unknown authority "${issuer}"${reason}; it belongs to another cluster or user`;
}

/**
 * Returns the verified certificate of a client. Throws `forbidden` with the reason if the client
 * presented none, or one that is expired or signed by another authority.
 */
export function verifiedClientCertificate(socket: TLSSocket): PeerCertificateFields {
  // The type says never empty, but it is `{}` if the client presented no certificate.
  const certificate = socket.getPeerCertificate(true) as Partial<DetailedPeerCertificate>;
  if (certificate.subject === undefined) {
    throw new AppError('forbidden', 'no client certificate was presented');
  }
  const full = certificate as DetailedPeerCertificate;
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    throw new AppError('forbidden', describeCertificateError(code, full, Date.now()));
  }
  return full;
}
