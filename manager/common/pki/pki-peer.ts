import { createHash, X509Certificate } from 'node:crypto';
import { AppError } from '../base/errors.js';
import type { PeerIdentity, PeerNames } from './pki.js';
import { peerIdentity } from './pki.js';

/** What a verified certificate tells, beyond names, as far as node:tls gave it. */
export interface ShownCertificate extends PeerNames {
  readonly raw?: Buffer | undefined;
  readonly serialNumber?: string | undefined;
  readonly subjectaltname?: string | undefined;
  readonly issuerCertificate?: { readonly raw?: Buffer | undefined } | undefined;
}

/** A peer with what tells one certificate of it from another. */
export interface KnownPeer extends PeerIdentity {
  /** Names that stand in the certificate: DNS names and addresses. */
  readonly alternativeNames: readonly string[];
  /** Serial number of the certificate, lower-case hex. */
  readonly serial: string;
  /** Of a worker or manager: `authorityId` of the authority that signed it. */
  readonly authority?: string;
}

/** sha256 of an authority's public key (SPKI), hex: certificates for one key are one authority. */
export function authorityId(certificate: X509Certificate): string {
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('hex');
}

/** The certificates of a PEM text in order. */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** As `tls.PeerCertificate.subjectaltname` has them: `DNS:a, IP Address:10.0.0.1`. */
export function readAlternativeNames(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(', ')
    .filter((name) => name !== '')
    .map((name) => name.replace(/^(?:DNS|IP Address):/u, ''));
}

/**
 * Who holds a certificate that TLS has verified (pass `socket.getPeerCertificate(true)`), and which
 * authority signed it. `refused` holds ids of authorities that are trusted no more. Throws `forbidden`.
 */
export function knownPeer(certificate: ShownCertificate, refused: readonly string[]): KnownPeer {
  const identity = peerIdentity(certificate);
  const peer = {
    ...identity,
    alternativeNames: readAlternativeNames(certificate.subjectaltname),
    serial: (certificate.serialNumber ?? '').toLowerCase(),
  };
  if (identity.role === 'client') return peer;
  const authority = signerOf(certificate, identity);
  if (refused.includes(authority)) {
    throw new AppError(
      'forbidden',
      `certificate of ${identity.role} ${identity.nodeId} is signed by an authority that was replaced: provision the machine again`,
    );
  }
  return { ...peer, authority };
}

/** Signers by leaf: a worker's certificate is looked at with each of its connections. */
const signers = new Map<string, string>();
const maxSigners = 4_096;

/**
 * The names in a chain may fit without its signatures: which of several certificates of one name TLS took
 * for the issuer is not told, so the signature is looked at here.
 */
function signerOf(certificate: ShownCertificate, { role, nodeId }: PeerIdentity): string {
  const { raw, issuerCertificate } = certificate;
  const issuerRaw = issuerCertificate?.raw;
  if (raw === undefined || issuerRaw === undefined) {
    throw new AppError('forbidden', `certificate of ${role} ${nodeId} came without its authority`);
  }
  const cacheKey = createHash('sha256').update(raw).update(issuerRaw).digest('base64');
  const known = signers.get(cacheKey);
  if (known !== undefined) return known;
  const issuer = new X509Certificate(issuerRaw);
  if (!new X509Certificate(raw).verify(issuer.publicKey)) {
    throw new AppError(
      'forbidden',
      `certificate of ${role} ${nodeId} is not signed by the authority shown with it`,
    );
  }
  if (signers.size >= maxSigners) signers.clear();
  const id = authorityId(issuer);
  signers.set(cacheKey, id);
  return id;
}
