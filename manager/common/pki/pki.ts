import { createHash, generateKeyPair, randomBytes, sign } from 'node:crypto';
import type { KeyLike } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import type Forge from 'node-forge';
import { AppError, isAppError } from '../base/errors.js';
import { readCertificateRequest } from './certificate-request.js';
import { bitsOf, readDer, readSequence } from './der.js';

/*
 * Two levels of CAs. The root CA never leaves the user's computer. It signs the Docker Engines'
 * certificates, the user's client certificate and an intermediate CA for each manager, whose key
 * stays on that manager. Intermediate CAs sign workers and managers. Engines trust a second root
 * certificate (same key and name, path length 0), so certificates signed by an intermediate CA are
 * not accepted by an engine.
 *
 * node-forge is loaded on first use: most programs that use peerIdentity never sign. It encodes
 * certificates. Keys and the signatures of nodes come from node:crypto, because node-forge is slow
 * and knows RSA only.
 */

export interface CertificateSubject {
  readonly commonName: string;
  readonly organizationalUnit: string;
  readonly organization: string;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Permitted use of a certificate; `peer` is both server and client authentication. */
export type CertificateUsage = 'cluster-authority' | 'server' | 'client' | 'peer';

/** Organizational unit in the subject of the root CA and of a cluster's intermediate CA. */
export const userAuthorityUnit = 'authority';
export const clusterAuthorityUnit = 'cluster';

/**
 * `client` is the owner of clusters, certified by the user's root CA; `user` is a client of one
 * cluster, certified by a manager's intermediate CA.
 */
export type PeerRole = 'worker' | 'manager' | 'client' | 'user';

export interface PeerIdentity {
  /** Cluster ID of a worker, manager or user; user name of an owner. */
  readonly clusterId: string;
  readonly role: PeerRole;
  /** Node ID of a worker or manager; name of a client. */
  readonly nodeId: string;
}

/** Subject and issuer of a `tls.PeerCertificate`. */
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
const signAsync = promisify<string, Buffer, KeyLike, Buffer>(sign);

async function forge(): Promise<typeof Forge> {
  return (await import('node-forge')).default;
}

/** Generates an RSA-2048 private key, PKCS #8 PEM. */
export async function createPrivateKey(): Promise<string> {
  const { privateKey } = await generate('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** Validity from one hour before `now` (for clock skew) until `days` after it. */
export function validityFor(now: Date, days: number): Validity {
  return {
    notBefore: new Date(now.getTime() - 3_600_000),
    notAfter: new Date(now.getTime() + days * 86_400_000),
  };
}

function attributes(lib: typeof Forge, subject: CertificateSubject): Forge.pki.CertificateField[] {
  const utf8 = lib.asn1.Type.UTF8 as unknown as Forge.asn1.Class;
  return [
    { name: 'commonName', value: subject.commonName, valueTagClass: utf8 },
    { name: 'organizationalUnitName', value: subject.organizationalUnit, valueTagClass: utf8 },
    { name: 'organizationName', value: subject.organization, valueTagClass: utf8 },
  ];
}

/** Positive 127-bit serial number, hex. RFC 5280 allows at most 20 bytes without a sign bit. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/** Creates a self-signed CA certificate, PEM. `pathLength` 0 forbids intermediate CAs below it. */
export async function createAuthority(input: {
  readonly key: string;
  readonly subject: CertificateSubject;
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

/** Creates a PKCS #10 request (PEM) that proves possession of `key`; signers ignore its names. */
export async function createRequest(key: string, commonName: string): Promise<string> {
  const lib = await forge();
  const privateKey = lib.pki.privateKeyFromPem(key);
  const request = lib.pki.createCertificationRequest();
  request.publicKey = lib.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  request.setSubject([{ name: 'commonName', value: commonName }]);
  request.sign(privateKey, lib.md.sha256.create());
  return pem(lib.pki.certificationRequestToPem(request));
}

function usageExtensions(usage: CertificateUsage): object[] {
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

export interface SigningParameters {
  readonly request: string;
  readonly subject: CertificateSubject;
  /** DNS names and IP addresses. */
  readonly alternativeNames: readonly string[];
  readonly usage: CertificateUsage;
  readonly validity: Validity;
}

/**
 * Signs the public key of a request. Names and usage come from the order, never from the request.
 * Rejects with `invalid` as `readCertificateRequest`.
 */
export async function signRequest(authority: KeyPair, order: SigningParameters): Promise<string> {
  const publicKey = await readRequest(order);
  const lib = await forge();
  const issuer = lib.pki.certificateFromPem(authority.cert);
  const cert = lib.pki.createCertificate();
  cert.serialNumber = serialNumber();
  cert.validity.notBefore = order.validity.notBefore;
  cert.validity.notAfter = order.validity.notAfter;
  cert.setSubject(attributes(lib, order.subject));
  cert.setIssuer(issuer.subject.attributes);
  cert.setExtensions([
    ...usageExtensions(order.usage),
    subjectKeyIdentifier(lib, publicKey),
    {
      name: 'authorityKeyIdentifier',
      keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes(),
    },
    ...alternativeNames(order.alternativeNames),
  ]);
  // Encoded with the issuer's key, because node-forge encodes RSA keys only, then replaced.
  cert.publicKey = issuer.publicKey;
  return signCertificate(lib, { cert, publicKey, key: authority.key });
}

async function readRequest(order: SigningParameters): Promise<Buffer> {
  try {
    return await readCertificateRequest(order.request);
  } catch (error) {
    if (!isAppError(error)) throw error;
    const { commonName } = order.subject;
    throw new AppError(
      error.kind,
      error.message.replace('request:', `request for ${commonName}:`),
      {
        cause: error,
      },
    );
  }
}

/** RFC 5280 §4.2.1.2: sha1 of the key's bits. */
function subjectKeyIdentifier(lib: typeof Forge, publicKey: Buffer): object {
  const [, bits] = readSequence(readDer(publicKey), 2);
  const id = createHash('sha1').update(bitsOf(bits)).digest('binary');
  const { create, Class, Type, toDer } = lib.asn1;
  const value = toDer(create(Class.UNIVERSAL, Type.OCTETSTRING, false, id)).getBytes();
  return { id: '2.5.29.14', name: 'subjectKeyIdentifier', value };
}

/** A function of node-forge that its types lack. */
type EncodeCertificate = (cert: Forge.pki.Certificate) => Forge.asn1.Asn1;

/** Index of the public key in a TBSCertificate, RFC 5280 §4.1. */
const publicKeyField = 6;

/** Signs on a thread of its own; node-forge would block the process for tens of milliseconds. */
async function signCertificate(
  lib: typeof Forge,
  order: {
    readonly cert: Forge.pki.Certificate;
    /** SPKI, DER. */
    readonly publicKey: Buffer;
    readonly key: string;
  },
): Promise<string> {
  const { cert, publicKey, key } = order;
  const { asn1, pki } = lib;
  const algorithm = pki.oids.sha256WithRSAEncryption ?? '';
  cert.signatureOid = algorithm;
  cert.siginfo.algorithmOid = algorithm;
  const encoder = pki as unknown as { readonly getTBSCertificate: EncodeCertificate };
  const tbs = encoder.getTBSCertificate(cert);
  if (typeof tbs.value === 'string') throw new AppError('internal', 'certificate: not encoded');
  tbs.value[publicKeyField] = asn1.fromDer(publicKey.toString('latin1'));
  cert.tbsCertificate = tbs;
  const signed = Buffer.from(asn1.toDer(tbs).getBytes(), 'latin1');
  cert.signature = (await signAsync('sha256', signed, key)).toString('latin1');
  return pem(pki.certificateToPem(cert));
}

/** Subject of a worker's or manager's certificate. */
export function nodeSubject(identity: PeerIdentity): CertificateSubject {
  return {
    commonName: identity.nodeId,
    organizationalUnit: identity.role,
    organization: identity.clusterId,
  };
}

/**
 * Subject of an intermediate CA; its organization binds the certificates it signs to the cluster.
 */
export function clusterAuthoritySubject(clusterId: string): CertificateSubject {
  return {
    commonName: `shoal ${clusterId}`,
    organizationalUnit: clusterAuthorityUnit,
    organization: clusterId,
  };
}

/**
 * Signs a worker's or manager's request with an intermediate CA. A worker's certificate is valid
 * for clients only and has no names, so that nobody takes a worker for a manager. Returns the chain
 * that the holder presents: leaf, then intermediate CA.
 */
export async function signNode(
  authority: KeyPair,
  order: Omit<SigningParameters, 'subject' | 'usage'> & { readonly identity: PeerIdentity },
): Promise<string> {
  const { identity, ...rest } = order;
  const isManager = identity.role === 'manager';
  const leaf = await signRequest(authority, {
    ...rest,
    subject: nodeSubject(identity),
    alternativeNames: isManager ? order.alternativeNames : [],
    usage: isManager ? 'peer' : 'client',
  });
  return leaf + authority.cert;
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * Identifies the holder of a certificate that TLS has verified against the root CA (pass
 * `socket.getPeerCertificate()`). Throws `forbidden` if the wrong CA signed it: an intermediate CA
 * cannot issue an owner's certificate or certificates of another cluster.
 */
export function peerIdentity(certificate: PeerNames): PeerIdentity {
  const nodeId = single(certificate.subject?.CN);
  const role = single(certificate.subject?.OU);
  const clusterId = single(certificate.subject?.O);
  if (nodeId === undefined || clusterId === undefined) {
    throw new AppError('forbidden', 'certificate: no common name or organization');
  }
  if (role !== 'worker' && role !== 'manager' && role !== 'client' && role !== 'user') {
    throw new AppError('forbidden', `certificate of ${nodeId}: organizational unit is not a role`);
  }
  const issuerUnit = single(certificate.issuer?.OU);
  const hasRightIssuer =
    role === 'client'
      ? issuerUnit === userAuthorityUnit
      : issuerUnit === clusterAuthorityUnit && single(certificate.issuer?.O) === clusterId;
  if (!hasRightIssuer) {
    throw new AppError('forbidden', `certificate of ${role} ${nodeId}: signed by the wrong CA`);
  }
  return { clusterId, role, nodeId };
}
