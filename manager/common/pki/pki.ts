import { generateKeyPair, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import type Forge from 'node-forge';
import { AppError } from '../base/errors.js';

/*
 * Two levels of trust. The user's authority never leaves the user's computer; it signs engines'
 * certificates, the user's own, and one authority per cluster whose key lives on the manager. That
 * one signs workers and managers. Engines trust a second certificate of the user's authority (same
 * key and name, path length 0), so that no certificate below a cluster's authority opens an engine.
 *
 * node-forge is loaded on first use: most programs that need peerIdentity never make a certificate.
 * It knows RSA only, and its own key generation takes seconds, so keys come from node:crypto.
 */

export interface Subject {
  readonly commonName: string;
  readonly organizationalUnit: string;
  readonly organization: string;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A certificate and the key that belongs to it, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate may be used for: `peer` is both ends of a connection. */
export type Usage = 'cluster-authority' | 'server' | 'client' | 'peer';

/** The unit in the subject of the user's authority, and of a cluster's. */
export const userAuthorityUnit = 'authority';
export const clusterAuthorityUnit = 'cluster';

export type PeerRole = 'worker' | 'manager' | 'client';

export interface PeerIdentity {
  /** The cluster of a worker or manager; of a client, the name of its user. */
  readonly clusterId: string;
  readonly role: PeerRole;
  /** The node of a worker or manager; of a client, its common name. */
  readonly nodeId: string;
}

/** The part of `tls.PeerCertificate` that says who the other end is. */
export interface PeerNames {
  readonly subject?: NameFields | undefined;
  readonly issuer?: NameFields | undefined;
}

interface NameFields {
  readonly CN?: string | readonly string[] | undefined;
  readonly OU?: string | readonly string[] | undefined;
  readonly O?: string | readonly string[] | undefined;
}

const generate = promisify(generateKeyPair);

async function forge(): Promise<typeof Forge> {
  return (await import('node-forge')).default;
}

/** A new RSA-2048 private key as PKCS #8 PEM. */
export async function createPrivateKey(): Promise<string> {
  const { privateKey } = await generate('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** Validity from one hour before `now` (machines' clocks differ) for so many days after it. */
export function validFor(now: Date, days: number): Validity {
  return {
    notBefore: new Date(now.getTime() - 3_600_000),
    notAfter: new Date(now.getTime() + days * 86_400_000),
  };
}

function attributes(lib: typeof Forge, subject: Subject): Forge.pki.CertificateField[] {
  const utf8 = lib.asn1.Type.UTF8 as unknown as Forge.asn1.Class;
  return [
    { name: 'commonName', value: subject.commonName, valueTagClass: utf8 },
    { name: 'organizationalUnitName', value: subject.organizationalUnit, valueTagClass: utf8 },
    { name: 'organizationName', value: subject.organization, valueTagClass: utf8 },
  ];
}

/** Positive and 127 bits: RFC 5280 allows 20 bytes and wants no sign bit. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/** A self-signed authority. `pathLength` 0 forbids authorities below it. */
export async function createAuthority(input: {
  readonly key: string;
  readonly subject: Subject;
  readonly validity: Validity;
  readonly pathLength: number;
}): Promise<string> {
  const lib = await forge();
  const key = lib.pki.privateKeyFromPem(input.key);
  const cert = lib.pki.createCertificate();
  cert.publicKey = lib.pki.setRsaPublicKey(key.n, key.e);
  cert.serialNumber = serialNumber();
  cert.validity.notBefore = input.validity.notBefore;
  cert.validity.notAfter = input.validity.notAfter;
  cert.setSubject(attributes(lib, input.subject));
  cert.setIssuer(attributes(lib, input.subject));
  cert.setExtensions([
    {
      name: 'basicConstraints',
      cA: true,
      pathLenConstraint: input.pathLength,
      critical: true,
    },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ]);
  cert.sign(key, lib.md.sha256.create());
  return pem(lib.pki.certificateToPem(cert));
}

function pem(text: string): string {
  return text.replaceAll('\r\n', '\n');
}

/** A certificate request (PKCS #10) that proves possession of `key`; its names are not trusted later. */
export async function createRequest(key: string, commonName: string): Promise<string> {
  const lib = await forge();
  const privateKey = lib.pki.privateKeyFromPem(key);
  const request = lib.pki.createCertificationRequest();
  request.publicKey = lib.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  request.setSubject([{ name: 'commonName', value: commonName }]);
  request.sign(privateKey, lib.md.sha256.create());
  return pem(lib.pki.certificationRequestToPem(request));
}

function usageExtensions(usage: Usage): object[] {
  if (usage === 'cluster-authority') {
    return [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ];
  }
  return [
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: usage !== 'client', clientAuth: usage !== 'server' },
  ];
}

function alternativeNames(names: readonly string[]): object[] {
  if (names.length === 0) return [];
  const altNames = names.map((name) =>
    isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name },
  );
  return [{ name: 'subjectAltName', altNames }];
}

export interface SigningOrder {
  readonly request: string;
  readonly subject: Subject;
  /** DNS names and IP addresses. */
  readonly alternativeNames: readonly string[];
  readonly usage: Usage;
  readonly validity: Validity;
}

/**
 * Signs the public key of a request. Names and use come from the order, never from the request.
 * Throws `invalid` when the request is malformed or not signed by its own key.
 */
export async function signRequest(authority: KeyPair, order: SigningOrder): Promise<string> {
  const lib = await forge();
  const request = readRequest(lib, order);
  const issuer = lib.pki.certificateFromPem(authority.cert);
  const cert = lib.pki.createCertificate();
  cert.publicKey = request;
  cert.serialNumber = serialNumber();
  cert.validity.notBefore = order.validity.notBefore;
  cert.validity.notAfter = order.validity.notAfter;
  cert.setSubject(attributes(lib, order.subject));
  cert.setIssuer(issuer.subject.attributes);
  cert.setExtensions([
    ...usageExtensions(order.usage),
    { name: 'subjectKeyIdentifier' },
    {
      name: 'authorityKeyIdentifier',
      keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes(),
    },
    ...alternativeNames(order.alternativeNames),
  ]);
  cert.sign(lib.pki.privateKeyFromPem(authority.key), lib.md.sha256.create());
  return pem(lib.pki.certificateToPem(cert));
}

function readRequest(lib: typeof Forge, order: SigningOrder): Forge.pki.rsa.PublicKey {
  const name = order.subject.commonName;
  try {
    const request = lib.pki.certificationRequestFromPem(order.request);
    if (request.publicKey === null || !request.verify())
      throw new Error('signature does not match');
    return request.publicKey as Forge.pki.rsa.PublicKey;
  } catch (error) {
    throw new AppError('invalid', `certificate request for ${name} is not valid`, { cause: error });
  }
}

/** The subject of a worker's or manager's certificate. */
export function nodeSubject(identity: PeerIdentity): Subject {
  return {
    commonName: identity.nodeId,
    organizationalUnit: identity.role,
    organization: identity.clusterId,
  };
}

/** The subject of a cluster's authority; its organization binds what it signs to the cluster. */
export function clusterAuthoritySubject(clusterId: string): Subject {
  return {
    commonName: `shoal ${clusterId}`,
    organizationalUnit: clusterAuthorityUnit,
    organization: clusterId,
  };
}

/**
 * Signs a worker's or manager's request with the cluster's authority and returns leaf and authority
 * as one chain, which is what the holder presents.
 */
export async function signNode(
  authority: KeyPair,
  order: Omit<SigningOrder, 'subject' | 'usage'> & { readonly identity: PeerIdentity },
): Promise<string> {
  const { identity, ...rest } = order;
  const leaf = await signRequest(authority, {
    ...rest,
    subject: nodeSubject(identity),
    usage: 'peer',
  });
  return leaf + authority.cert;
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * Who holds a certificate that TLS has already verified against the user's authority (pass
 * `socket.getPeerCertificate()`). Also checks that the right authority signed it: a cluster's
 * authority cannot make clients, nor nodes of another cluster. Throws `forbidden` otherwise.
 */
export function peerIdentity(certificate: PeerNames): PeerIdentity {
  const nodeId = single(certificate.subject?.CN);
  const role = single(certificate.subject?.OU);
  const clusterId = single(certificate.subject?.O);
  if (nodeId === undefined || clusterId === undefined) {
    throw new AppError('forbidden', 'certificate without common name or organization');
  }
  if (role !== 'worker' && role !== 'manager' && role !== 'client') {
    throw new AppError('forbidden', `certificate of ${nodeId} has no role`);
  }
  const issuerUnit = single(certificate.issuer?.OU);
  const signedRightly =
    role === 'client'
      ? issuerUnit === userAuthorityUnit
      : issuerUnit === clusterAuthorityUnit && single(certificate.issuer?.O) === clusterId;
  if (!signedRightly) {
    throw new AppError(
      'forbidden',
      `certificate of ${role} ${nodeId} is signed by another authority`,
    );
  }
  return { clusterId, role, nodeId };
}
