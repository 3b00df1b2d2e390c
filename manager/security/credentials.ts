import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../common/base/clock.js';
import { AppError, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { ClusterAuthority, nodeLifetimeMs } from '../ca/authority.js';
import { readPair } from '../common/pki/pki-files.js';
import {
  authorityId,
  certificatesOf,
  knownPeer,
  readAlternativeNames,
} from '../common/pki/pki-peer.js';
import { CertificateRenewal } from '../common/pki/pki-renewal.js';
import type { KeyPair, PeerIdentity } from '../common/pki/pki.js';
import type { Peer } from '../transport/peer.js';
import type { PeerCertificateNames, TlsMaterial } from '../common/protocol/transport-tls.js';
import type { ManagerSettings } from '../settings.js';
import type { ClusterRecord } from '../store/store.js';

export interface CredentialParts {
  readonly settings: Pick<ManagerSettings, 'clusterId' | 'clusterName' | 'nodeId' | 'pki'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

type Cluster = Pick<ManagerSettings, 'clusterId' | 'clusterName'>;

/**
 * Refuses whom the cluster's record says it does not know any more. A manager may ask for a client, named
 * in `behalf` as JSON. Throws `forbidden`.
 */
export function admitPeer(
  shown: { readonly certificate: PeerCertificateNames; readonly behalf?: string | undefined },
  settings: Cluster,
  record: ClusterRecord | undefined,
): Peer {
  const peer = knownPeer(shown.certificate, record?.refusedAuthorities ?? []);
  if (peer.role === 'client') return admitClient(peer, settings, record);
  admitNode(peer, settings, record);
  if (peer.role !== 'manager' || shown.behalf === undefined) return peer;
  return admitClient(behalfOf(peer, shown.behalf), settings, record);
}

function admitClient(
  peer: Peer,
  { clusterName }: Cluster,
  record: ClusterRecord | undefined,
): Peer {
  const { serial = '', nodeId } = peer;
  if (record?.refusedClients?.includes(serial) !== true) return peer;
  throw new AppError(
    'forbidden',
    `certificate ${serial} of client ${nodeId} was revoked in cluster ${clusterName}`,
  );
}

function behalfOf(manager: Peer, text: string): Peer {
  let value: Partial<Peer> = {};
  try {
    value = JSON.parse(text) as Partial<Peer>;
  } catch {
    // Refused below.
  }
  const { clusterId, nodeId, role, serial = '' } = value;
  if (role !== 'client' || typeof clusterId !== 'string' || typeof nodeId !== 'string') {
    throw new AppError(
      'forbidden',
      `manager ${manager.nodeId} does not say for which client it asks`,
    );
  }
  return { clusterId, nodeId, role, serial, via: manager.nodeId };
}

function admitNode(
  peer: Peer,
  { clusterId, clusterName }: Cluster,
  record: ClusterRecord | undefined,
): void {
  if (peer.clusterId !== clusterId) {
    throw new AppError(
      'forbidden',
      `${peer.role} ${peer.nodeId} belongs to cluster ${peer.clusterId}, this is ${clusterName} (${clusterId})`,
    );
  }
  if (record?.revoked.includes(peer.nodeId) === true) {
    throw new AppError(
      'forbidden',
      `node ${peer.nodeId} was removed from cluster ${clusterName}: provision the machine again to rejoin`,
    );
  }
}

/** Who this manager is, and the cluster's authority it signs with. Keeps its own certificate from ending. */
export class ManagerCredentials {
  readonly #parts: CredentialParts;
  readonly #ca: string;
  #pair: KeyPair;
  #authority: ClusterAuthority | undefined;
  #renewal: CertificateRenewal | undefined;

  /** Throws `invalid` when a file is missing or does not fit its key. */
  static async read(parts: CredentialParts): Promise<ManagerCredentials> {
    const { pki } = parts.settings;
    try {
      const [ca, pair, authority] = await Promise.all([
        readFile(pki.ca, 'utf8'),
        readPair(pki),
        pki.intermediate === undefined ? undefined : ClusterAuthority.read(pki.intermediate),
      ]);
      return new ManagerCredentials(parts, ca, pair, authority);
    } catch (error) {
      throw new AppError('invalid', `cannot read the manager's certificate: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  private constructor(
    parts: CredentialParts,
    ca: string,
    pair: KeyPair,
    authority: ClusterAuthority | undefined,
  ) {
    this.#parts = parts;
    this.#ca = ca;
    this.#pair = pair;
    this.#authority = authority;
  }

  get tls(): TlsMaterial {
    return { ca: this.#ca, ...this.#pair };
  }

  /** PEM of the authority everybody trusts. */
  get ca(): string {
    return this.#ca;
  }

  /** Throws `unsupported` on a manager that holds none. */
  get authority(): ClusterAuthority {
    if (this.#authority !== undefined) return this.#authority;
    throw new AppError(
      'unsupported',
      'this manager holds no authority of the cluster: provision its machine again',
    );
  }

  /** Id of the authority that signed this manager's certificate. */
  get signer(): string {
    const [, issuer] = certificatesOf(this.#pair.cert);
    return issuer === undefined ? '' : authorityId(issuer);
  }

  /** Signs with this one from now on. */
  useAuthority(authority: ClusterAuthority): void {
    this.#authority = authority;
  }

  /** Signs the request of a node for the cluster; `lifetimeMs` as the cluster's record says. */
  async sign(
    order: {
      readonly request: string;
      readonly identity: PeerIdentity;
      readonly alternativeNames: readonly string[];
    },
    lifetimeMs: number | undefined,
  ): Promise<string> {
    return this.authority.sign(
      { ...order, lifetimeMs: lifetimeMs ?? nodeLifetimeMs },
      this.#parts.clock.now(),
    );
  }

  /** Begins to watch over this manager's own certificate; `renewed` gets each new one. */
  start(options: {
    readonly lifetimeMs: () => number | undefined;
    readonly renewed: (tls: TlsMaterial) => void;
  }): void {
    if (this.#authority === undefined) return;
    const { settings, clock, log, random } = this.#parts;
    this.#renewal = new CertificateRenewal({
      what: 'manager',
      paths: settings.pki,
      ca: this.#ca,
      clock,
      log,
      random,
      obtain: (request) => this.#obtain(request, options.lifetimeMs()),
      renewed: (pair) => {
        this.#pair = pair;
        options.renewed(this.tls);
      },
    });
    this.#renewal.start();
  }

  renewNow(): void {
    this.#renewal?.renewNow();
  }

  async stop(): Promise<void> {
    await this.#renewal?.stop();
  }

  #obtain(request: string, lifetimeMs: number | undefined): Promise<string> {
    const { clusterId, nodeId } = this.#parts.settings;
    const leaf = new X509Certificate(this.#pair.cert);
    return this.sign(
      {
        request,
        identity: { clusterId, role: 'manager', nodeId },
        alternativeNames: readAlternativeNames(leaf.subjectAltName),
      },
      lifetimeMs,
    );
  }
}
