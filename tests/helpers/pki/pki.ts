import type { KeyPair, PeerIdentity } from '../../../manager/common/pki/pki.js';
import {
  clusterAuthoritySubject,
  createAuthority,
  createPrivateKey,
  createRequest,
  peerIdentity,
  signNode,
  signRequest,
  validityFor,
} from '../../../manager/common/pki/pki.js';
import type {
  PeerCertificateFields,
  TlsMaterial,
} from '../../../manager/common/protocol/transport-tls.js';

/**
 * A user's CA, a cluster's intermediate and the certificates they sign: real certificates for
 * loopback tests.
 */
export interface TestPki {
  readonly ca: string;
  /** The user's CA and the cluster's intermediate. */
  readonly root: KeyPair;
  readonly authority: KeyPair;
  /** Certificate of a manager or worker; negative `days` gives an expired one. */
  node(role: 'manager' | 'worker', nodeId: string, days?: number): Promise<TlsMaterial>;
  client(name: string): Promise<TlsMaterial>;
}

export async function createTestPki(clusterId: string): Promise<TestPki> {
  const now = new Date();
  const rootKey = await createPrivateKey();
  const ca = await createAuthority({
    key: rootKey,
    subject: { commonName: 'shoal test', organizationalUnit: 'authority', organization: 'test' },
    validity: validityFor(now, 10),
    pathLength: 1,
  });
  const authorityKey = await createPrivateKey();
  const authorityCert = await signRequest(
    { cert: ca, key: rootKey },
    {
      request: await createRequest(authorityKey, 'authority'),
      subject: clusterAuthoritySubject(clusterId),
      alternativeNames: [],
      usage: 'cluster-authority',
      validity: validityFor(now, 10),
    },
  );
  const issued = new Map<string, Promise<TlsMaterial>>();
  // Keys are slow to generate, so the same holder gets the same certificate.
  const once = (name: string, issue: () => Promise<TlsMaterial>): Promise<TlsMaterial> => {
    const material = issued.get(name) ?? issue();
    issued.set(name, material);
    return material;
  };
  const node = async (identity: PeerIdentity, days: number): Promise<TlsMaterial> => {
    const key = await createPrivateKey();
    const end = new Date(now.getTime() + days * 86_400_000);
    const cert = await signNode(
      { cert: authorityCert, key: authorityKey },
      {
        request: await createRequest(key, identity.nodeId),
        identity,
        alternativeNames: ['127.0.0.1'],
        validity: { notBefore: new Date(end.getTime() - 20 * 86_400_000), notAfter: end },
      },
    );
    return { ca, cert, key };
  };
  const client = async (name: string): Promise<TlsMaterial> => {
    const key = await createPrivateKey();
    const cert = await signRequest(
      { cert: ca, key: rootKey },
      {
        request: await createRequest(key, name),
        subject: { commonName: name, organizationalUnit: 'client', organization: 'test' },
        alternativeNames: [],
        usage: 'client',
        validity: validityFor(now, 5),
      },
    );
    return { ca, cert, key };
  };
  return {
    ca,
    root: { cert: ca, key: rootKey },
    authority: { cert: authorityCert, key: authorityKey },
    node: (role, nodeId, days = 5) =>
      once(`${role}/${nodeId}/${days}`, () => node({ clusterId, role, nodeId }, days)),
    client: (name) => once(`client/${name}`, () => client(name)),
  };
}

/** The verification that clients and workers apply to a manager. */
export function isManagerOf(clusterId: string): (certificate: PeerCertificateFields) => void {
  return (certificate) => {
    const peer = peerIdentity(certificate);
    if (peer.role !== 'manager' || peer.clusterId !== clusterId) {
      throw new Error(`${peer.nodeId} is not a manager of ${clusterId}`);
    }
  };
}
