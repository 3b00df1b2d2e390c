import { createHash, X509Certificate } from 'node:crypto';
import { AppError } from '../base/errors.js';
import type { PeerIdentity, PeerNames } from './pki.js';
import { peerIdentity } from './pki.js';

/** Fields of a verified certificate as returned by node:tls. */
export interface PresentedCertificate extends PeerNames {
  readonly raw?: Buffer | undefined;
  readonly serialNumber?: string | undefined;
  readonly issuerCertificate?: { readonly raw?: Buffer | undefined } | undefined;
}

/** A peer's identity with the facts of the certificate it presented. */
export interface AuthenticatedPeer extends PeerIdentity {
  /** Serial number of the certificate, lower-case hex. */
  readonly serial: string;
  /** For users: sha256 of the certificate, hex; the cluster lists those that it accepts. */
  readonly fingerprint?: string;
  /** For workers and managers: `authorityId` of the issuing intermediate CA. */
  readonly authority?: string;
}

/** CA ID: sha256 of its public key (SPKI), hex. Certificates for the same key are the same CA. */
export function authorityId(certificate: X509Certificate): string {
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('hex');
}

/** sha256 of a certificate in DER, hex. */
export function certificateFingerprint(certificate: Buffer | undefined): string {
  return createHash('sha256')
    .update(certificate ?? '')
    .digest('hex');
}

/** Parses the certificates of a PEM text, in order. */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** Parses `X509Certificate.subjectAltName`: `DNS:a, IP Address:10.0.0.1`. */
export function readAlternativeNames(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(', ')
    .filter((name) => name !== '')
    .map((name) => name.replace(/^(?:DNS|IP Address):/u, ''));
}

/**
 * Identifies the holder of a certificate verified by TLS (pass `socket.getPeerCertificate(true)`)
 * and its issuing CA. `refused` lists the IDs of refused CAs. Throws `forbidden`.
 */
export function authenticatePeer(
  certificate: PresentedCertificate,
  refused: readonly string[],
): AuthenticatedPeer {
  const identity = peerIdentity(certificate);
  const peer = {
    ...identity,
    serial: (certificate.serialNumber ?? '').toLowerCase(),
  };
  if (identity.role === 'client') return peer;
  // Users survive a rotation of the CA: only certificates that the cluster lists are accepted.
  if (identity.role === 'user')
    return { ...peer, fingerprint: certificateFingerprint(certificate.raw) };
  const authority = signerOf(certificate, identity);
  if (refused.includes(authority)) {
    throw new AppError(
      'forbidden',
      `certificate of ${identity.role} ${identity.nodeId}: signed by a CA that was replaced; provision the machine again`,
    );
  }
  return { ...peer, authority };
}

/**
 * Cache of verified issuers by leaf certificate: a peer presents its certificate per connection.
 */
const signers = new Map<string, string>();
const maxSigners = 4_096;

/**
 * Returns the ID of the issuing CA and verifies its signature. Names alone are not enough: TLS does
 * not tell which of several CA certificates with the same name it used as the issuer.
 */
function signerOf(certificate: PresentedCertificate, { role, nodeId }: PeerIdentity): string {
  const { raw, issuerCertificate } = certificate;
  const issuerRaw = issuerCertificate?.raw;
  if (raw === undefined || issuerRaw === undefined) {
    throw new AppError(
      'forbidden',
      `certificate of ${role} ${nodeId}: presented without its issuing CA`,
    );
  }
  const cacheKey = createHash('sha256').update(raw).update(issuerRaw).digest('base64');
  const known = signers.get(cacheKey);
  if (known !== undefined) return known;
  const issuer = new X509Certificate(issuerRaw);
  if (!new X509Certificate(raw).verify(issuer.publicKey)) {
    throw new AppError(
      'forbidden',
      `certificate of ${role} ${nodeId}: not signed by the CA presented with it`,
    );
  }
  if (signers.size >= maxSigners) signers.clear();
  const id = authorityId(issuer);
  signers.set(cacheKey, id);
  return id;
}
