import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { array, string } from '../../manager/common/base/decode.js';
import type { Clock } from '../../manager/common/base/clock.js';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import type { CertificateKeyPaths } from '../../manager/common/pki/pki-files.js';
import { readKeyPair } from '../../manager/common/pki/pki-files.js';
import { authenticatePeer } from '../../manager/common/pki/pki-peer.js';
import { CertificateRenewal } from '../../manager/common/pki/pki-renewal.js';
import { dial } from '../../manager/common/protocol/transport.js';
import type { PeerCertificateFields } from '../../manager/common/protocol/transport-tls.js';
import { DurableFile } from '../assignments/durable-file.js';
import type { DialManager } from './connector.js';

export interface WorkerCredentialOptions {
  readonly clusterId: string;
  readonly dataDir: string;
  /** Paths of PEM files. */
  readonly pki: CertificateKeyPaths & { readonly ca: string };
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

/** The part of the manager session that certificate renewal uses. */
export interface RenewalSession {
  /** Fails as `unavailable` while no manager is connected. */
  sign(request: string, signal: AbortSignal): Promise<string>;
  /** Starts a new session. */
  reconnect(): void;
}

const dialTimeoutMs = 3_000;

/**
 * The worker's identity and trust: its certificate and renewal, and the authorities it no longer
 * trusts.
 */
export class WorkerCredentials {
  readonly #options: WorkerCredentialOptions;
  readonly #ca: string;
  readonly #refusedFile: DurableFile<readonly string[]>;
  #refused: readonly string[];
  #renewal: CertificateRenewal | undefined;
  #renewalRequested = false;

  /**
   * Reads certificate, key and CA; throws `invalid` if a file is missing or key and certificate do
   * not match.
   */
  static async read(options: WorkerCredentialOptions): Promise<WorkerCredentials> {
    const { pki, dataDir, log } = options;
    const refusedFile = new DurableFile<readonly string[]>(
      join(dataDir, 'refused-authorities.json'),
      array(string),
      log,
    );
    try {
      await readKeyPair(pki);
      const ca = await readFile(pki.ca, 'utf8');
      return new WorkerCredentials(options, ca, refusedFile, (await refusedFile.load()) ?? []);
    } catch (error) {
      throw new AppError('invalid', `cannot read worker certificate: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  private constructor(
    options: WorkerCredentialOptions,
    ca: string,
    refusedFile: DurableFile<readonly string[]>,
    refused: readonly string[],
  ) {
    this.#options = options;
    this.#ca = ca;
    this.#refusedFile = refusedFile;
    this.#refused = refused;
  }

  /** Reads the certificate for each connection, so that a renewed one is used at once. */
  readonly dial: DialManager = async (address, path, keepAlive, signal) => {
    const pair = await readKeyPair(this.#options.pki);
    return dial({
      address,
      path,
      keepAlive,
      signal,
      timeoutMs: dialTimeoutMs,
      tls: { ca: this.#ca, ...pair },
      verifyPeer: (certificate) => {
        this.#verify(address, certificate);
      },
    });
  };

  /** Starts the automatic renewal of the certificate. */
  start(session: RenewalSession): void {
    const { pki, clock, log, random } = this.#options;
    this.#renewal = new CertificateRenewal({
      owner: 'worker',
      paths: pki,
      ca: this.#ca,
      clock,
      log,
      random,
      obtain: (request, signal) => session.sign(request, signal),
      onRenewed: () => {
        // Without such a request the session continues: certificates are only checked when a
        // connection is established.
        if (this.#renewalRequested) session.reconnect();
        this.#renewalRequested = false;
      },
    });
    this.#renewal.start();
  }

  async stop(): Promise<void> {
    await this.#renewal?.stop();
  }

  /** Renews the certificate now; called when the manager requests it. */
  renewNow(): void {
    this.#renewalRequested = true;
    this.#renewal?.renewNow();
  }

  /**
   * Replaces the list of revoked authorities, whose managers are no longer trusted; persisted
   * across restarts.
   */
  refuse(ids: readonly string[]): void {
    if (ids.length === this.#refused.length && ids.every((id) => this.#refused.includes(id))) {
      return;
    }
    this.#refused = ids;
    this.#refusedFile.save(ids).catch((error: unknown) => {
      this.#options.log.warn(messageOf(error));
    });
  }

  #verify(address: string, certificate: PeerCertificateFields): void {
    const { clusterId } = this.#options;
    const peer = authenticatePeer(certificate, this.#refused);
    if (peer.role === 'manager' && peer.clusterId === clusterId) return;
    throw new AppError('forbidden', `peer ${address} is not a manager of cluster ${clusterId}`);
  }
}
