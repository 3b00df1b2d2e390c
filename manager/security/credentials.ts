import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Clock } from '../common/base/clock.js';
import { decodeJson, object, oneOf, optional, string } from '../common/base/decode.js';
import { AppError, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { ClusterAuthority, defaultNodeLifetimeMs } from '../ca/authority.js';
import { readKeyPair } from '../common/pki/pki-files.js';
import {
  authorityId,
  certificatesOf,
  authenticatePeer,
  readAlternativeNames,
} from '../common/pki/pki-peer.js';
import { CertificateRenewal } from '../common/pki/pki-renewal.js';
import type { KeyPair, PeerIdentity } from '../common/pki/pki.js';
import type { Peer } from '../transport/peer.js';
import type { PeerCertificateFields, TlsMaterial } from '../common/protocol/transport-tls.js';
import type { ManagerSettings } from '../common/settings/manager-settings.js';
import type { ClusterRecord } from '../store/store.js';

export interface CredentialDependencies {
  readonly settings: Pick<ManagerSettings, 'clusterId' | 'clusterName' | 'nodeId' | 'pki'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

type Cluster = Pick<ManagerSettings, 'clusterId' | 'clusterName'>;

/** Facts of a connection that identify its peer. */
export interface PresentedIdentity {
  readonly certificate: PeerCertificateFields;
  /** The client that a manager forwards a request for, JSON. */
  readonly behalf?: string | undefined;
  /** IP address of the connection. */
  readonly remote?: string | undefined;
}

/**
 * Authenticates a peer against the cluster record: removed nodes, revoked clients and refused CAs
 * are rejected with `forbidden`. A manager may act on behalf of a client, named in `behalf` as
 * JSON.
 */
export function authorizePeer(
  shown: PresentedIdentity,
  settings: Cluster,
  record: ClusterRecord | undefined,
): Peer {
  const peer = {
    ...authenticatePeer(shown.certificate, record?.refusedAuthorities ?? []),
    ...addressOf(shown.remote),
  };
  if (peer.role === 'client') return admitOwner(peer, settings, record);
  if (peer.role === 'user') return admitUser(peer, settings, record);
  admitNode(peer, settings, record);
  if (peer.role !== 'manager' || shown.behalf === undefined) return peer;
  const client = behalfOf(peer, shown.behalf);
  return client.role === 'user'
    ? admitUser(client, settings, record)
    : admitOwner(client, settings, record);
}

/** Throws `forbidden` if a client that was admitted before is revoked or has other rights now. */
export function readmitClient(peer: Peer, settings: Cluster, record: ClusterRecord): void {
  if (peer.role === 'client') admitOwner(peer, settings, record);
  if (peer.role !== 'user') return;
  const { access } = admitUser(peer, settings, record);
  if (JSON.stringify(access) === JSON.stringify(peer.access)) return;
  throw new AppError('forbidden', `client ${peer.nodeId}: its rights have changed; try again`);
}

/** Fields of a client's identity that another manager forwards. */
type ForwardedClient = Pick<Peer, 'clusterId' | 'nodeId' | 'serial' | 'fingerprint' | 'address'> & {
  readonly role: 'client' | 'user';
};

function admitOwner(peer: Peer, { clusterName }: Cluster, record: ClusterRecord | undefined): Peer {
  const { serial = '', nodeId } = peer;
  if (record?.refusedClients?.includes(serial) !== true) return peer;
  throw new AppError(
    'forbidden',
    `certificate ${serial} of client ${nodeId}: was revoked in cluster ${clusterName}`,
  );
}

/**
 * Admits a user whose certificate the cluster lists, with its rights. A follower has no record: it
 * admits the user without rights and forwards the request to the leader.
 */
function admitUser(
  peer: Peer,
  { clusterId, clusterName }: Cluster,
  record: ClusterRecord | undefined,
): Peer {
  const { nodeId, serial = '', fingerprint } = peer;
  if (peer.clusterId !== clusterId) {
    throw new AppError(
      'forbidden',
      `client ${nodeId}: belongs to cluster ${peer.clusterId}, not to ${clusterName} (${clusterId})`,
    );
  }
  if (record === undefined) return peer;
  const known = record.clients?.find(
    ({ name, certificates }) =>
      name === nodeId && certificates.some((each) => each.fingerprint === fingerprint),
  );
  if (known === undefined) {
    throw new AppError(
      'forbidden',
      `certificate ${serial} of client ${nodeId}: was revoked in cluster ${clusterName}; ask an admin for a new one`,
    );
  }
  const { name, role, projects } = known;
  return { ...peer, access: { name, role, projects } };
}

const forwardedClient = object<ForwardedClient>({
  clusterId: string,
  nodeId: string,
  role: oneOf('client', 'user'),
  serial: optional(string),
  fingerprint: optional(string),
  address: optional(string),
});

/** The address as records show it: without the prefix of IPv4 addresses on IPv6 sockets. */
function addressOf(remote: string | undefined): Pick<Peer, 'address'> {
  const address = (remote ?? '').replace(/^::ffff:(?=\d+\.)/iu, '');
  return isIP(address) === 0 ? {} : { address };
}

function behalfOf(manager: Peer, text: string): Peer {
  try {
    const { serial = '', address, ...client } = decodeJson(text, forwardedClient, 'client');
    return { ...client, serial, ...addressOf(address), via: manager.nodeId };
  } catch (error) {
    throw new AppError(
      'forbidden',
      `manager ${manager.nodeId}: forwarded a request without a valid client`,
      { cause: error },
    );
  }
}

function admitNode(
  peer: Peer,
  { clusterId, clusterName }: Cluster,
  record: ClusterRecord | undefined,
): void {
  if (peer.clusterId !== clusterId) {
    throw new AppError(
      'forbidden',
      `${peer.role} ${peer.nodeId}: belongs to cluster ${peer.clusterId}, not to ${clusterName} (${clusterId})`,
    );
  }
  if (record?.revoked.includes(peer.nodeId) === true) {
    throw new AppError(
      'forbidden',
      `node ${peer.nodeId}: was removed from cluster ${clusterName}; provision the machine again to rejoin`,
    );
  }
}

/** This manager's certificate, which it renews, and the intermediate CA it signs with. */
export class ManagerCredentials {
  readonly #parts: CredentialDependencies;
  readonly #ca: string;
  #pair: KeyPair;
  #authority: ClusterAuthority | undefined;
  #renewal: CertificateRenewal | undefined;

  /** Rejects with `invalid` if a file is missing or a key does not match its certificate. */
  static async read(parts: CredentialDependencies): Promise<ManagerCredentials> {
    const { pki } = parts.settings;
    try {
      const [ca, pair, authority] = await Promise.all([
        readFile(pki.ca, 'utf8'),
        readKeyPair(pki),
        pki.intermediate === undefined ? undefined : ClusterAuthority.read(pki.intermediate),
      ]);
      return new ManagerCredentials(parts, ca, pair, authority);
    } catch (error) {
      throw new AppError(
        'invalid',
        `certificate of the manager: cannot be read: ${messageOf(error)}`,
        {
          cause: error,
        },
      );
    }
  }

  private constructor(
    parts: CredentialDependencies,
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

  /** Root CA certificate, PEM. */
  get ca(): string {
    return this.#ca;
  }

  /** The intermediate CA. Throws `unsupported` on a manager without one. */
  get authority(): ClusterAuthority {
    if (this.#authority !== undefined) return this.#authority;
    throw new AppError(
      'unsupported',
      'ca: this manager has no intermediate CA; provision its machine again',
    );
  }

  /** ID of the CA that signed this manager's certificate; empty if unknown. */
  get signer(): string {
    const [, issuer] = certificatesOf(this.#pair.cert);
    return issuer === undefined ? '' : authorityId(issuer);
  }

  /** Replaces the intermediate CA used for signing. */
  useAuthority(authority: ClusterAuthority): void {
    this.#authority = authority;
  }

  /** Signs a node's request; an undefined `lifetimeMs` means the default lifetime. */
  async sign(
    order: {
      readonly request: string;
      readonly identity: PeerIdentity;
      /** Names of a manager; a worker has none. */
      readonly alternativeNames?: readonly string[];
    },
    lifetimeMs: number | undefined,
  ): Promise<string> {
    return this.authority.sign(
      { alternativeNames: [], ...order, lifetimeMs: lifetimeMs ?? defaultNodeLifetimeMs },
      this.#parts.clock.now(),
    );
  }

  /** Starts the renewal of this manager's own certificate; `renewed` gets each new one. */
  start(options: {
    readonly lifetimeMs: () => number | undefined;
    readonly renewed: (tls: TlsMaterial) => void;
  }): void {
    if (this.#authority === undefined) return;
    const { settings, clock, log, random } = this.#parts;
    this.#renewal = new CertificateRenewal({
      owner: 'manager',
      paths: settings.pki,
      ca: this.#ca,
      clock,
      log,
      random,
      obtain: (request) => this.#obtain(request, options.lifetimeMs()),
      onRenewed: (pair) => {
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
