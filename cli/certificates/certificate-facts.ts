import { X509Certificate } from 'node:crypto';
import type { InstalledCertificate } from './certificate-plan.js';
import type { CertificateName } from '../inventory/remote-paths.js';
import { certificatePaths } from '../inventory/remote-paths.js';

function field(names: string, key: string): string {
  const line = names.split('\n').find((candidate) => candidate.startsWith(`${key}=`));
  return line?.slice(key.length + 1) ?? '';
}

/** `CN/OU/O`, the form in which certificate plans compare subjects. */
export function formatSubject(commonName: string, unit: string, organization: string): string {
  return `${commonName}/${unit}/${organization}`;
}

function alternativeNames(certificate: X509Certificate): readonly string[] {
  return (certificate.subjectAltName ?? '')
    .split(', ')
    .map((name) => name.replace(/^(?:DNS|IP Address):/u, ''));
}

function chain(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** Parses a PEM chain; undefined if it is not a certificate, which makes the plan reissue it. */
export function readCertificate(
  pem: string,
  authority: X509Certificate,
): InstalledCertificate | undefined {
  try {
    const certificates = chain(pem);
    const leaf = certificates[0];
    if (leaf === undefined) return undefined;
    const signers = [...certificates.slice(1), authority];
    const signedByAuthority = certificates.every((certificate, index) => {
      const signer = signers[index];
      return signer !== undefined && certificate.verify(signer.publicKey);
    });
    return {
      subject: formatSubject(
        field(leaf.subject, 'CN'),
        field(leaf.subject, 'OU'),
        field(leaf.subject, 'O'),
      ),
      alternativeNames: alternativeNames(leaf),
      notBeforeMs: Date.parse(leaf.validFrom),
      notAfterMs: Date.parse(leaf.validTo),
      signedByAuthority,
    };
  } catch {
    return undefined;
  }
}

/**
 * Parses the certificates found on a machine; from PEM by path to facts by name. `consulPem` is the
 * CA of the cluster's Consul agents, `authorityPem` that of everything else.
 */
export function readCertificates(
  found: ReadonlyMap<string, string>,
  authorityPem: string,
  consulPem?: string,
): ReadonlyMap<CertificateName, InstalledCertificate> {
  const usual = new X509Certificate(authorityPem);
  const consul = consulPem === undefined ? undefined : new X509Certificate(consulPem);
  const facts = new Map<CertificateName, InstalledCertificate>();
  for (const [name, { cert }] of Object.entries(certificatePaths)) {
    const pem = found.get(cert);
    const authority = name === 'consul' ? consul : usual;
    const read =
      pem === undefined || authority === undefined ? undefined : readCertificate(pem, authority);
    if (read !== undefined) facts.set(name as CertificateName, read);
  }
  return facts;
}
