import type { Clock } from '../common/base/clock.js';
import { AppError, messageOf, toAppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { NodeId } from '../common/model/ids.js';
import type { WorkerMessage } from '../common/protocol/messages.js';
import type { Peer } from '../transport/peer.js';
import type { WorkerSession } from './sessions/session.js';

/**
 * Signs the request (CSR) that renews a peer's certificate; returns the chain. Throws `invalid`.
 */
export type SignForPeer = (peer: Peer, request: string) => Promise<string>;

/** Certificate authority as the dispatcher uses it. */
export interface CertificateSigner {
  readonly sign: SignForPeer;
  /** Ids of the authorities whose manager certificates workers must refuse. */
  refusedAuthorities(): readonly string[];
}

export interface WorkerCertificatesOptions {
  readonly signer: CertificateSigner | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sessions: () => Iterable<WorkerSession>;
}

/** Minimum interval between renewals of one node, ms: signing costs CPU time on the manager. */
const minRenewIntervalMs = 1_000;
/** Interval after which a worker that has not renewed is asked again, ms. */
const renewRetryMs = 20_000;
/** Maximum number of workers asked to renew in one round. */
const maxRenewals = 20;

/**
 * Renews worker certificates over their sessions; requests renewal when an authority is replaced.
 */
export class WorkerCertificates {
  readonly #options: WorkerCertificatesOptions;
  readonly #signedAt = new Map<NodeId, number>();
  readonly #askedAt = new Map<NodeId, number>();
  #signing: Promise<unknown> = Promise.resolve();

  constructor(options: WorkerCertificatesOptions) {
    this.#options = options;
  }

  refusedAuthorities(): readonly string[] {
    return this.#options.signer?.refusedAuthorities() ?? [];
  }

  /** Certificate identities of the connected nodes. */
  peers(): ReadonlyMap<NodeId, Peer> {
    return new Map([...this.#options.sessions()].map(({ nodeId, peer }) => [nodeId, peer]));
  }

  /** Sends the ids of the refused authorities to every connected worker. */
  announceRefusedAuthorities(): void {
    const ids = this.refusedAuthorities();
    for (const session of this.#options.sessions()) {
      session.post({ kind: 'refuse-authorities', ids });
    }
  }

  /** Handles a `renew` message; signs one request at a time. */
  async handleRenewal(
    session: WorkerSession,
    message: Extract<WorkerMessage, { kind: 'renew' }>,
  ): Promise<void> {
    const { requestId } = message;
    try {
      const chain = await this.#sign(session, message.request);
      session.post({ kind: 'certificate', requestId, chain });
      this.#options.log.info(`renewed the certificate of node ${session.nodeName}`);
    } catch (error) {
      const failure = toAppError(error);
      this.#options.log.warn(
        `cannot renew the certificate of node ${session.nodeName}: ${messageOf(error)}`,
      );
      const { kind, message: text } = failure;
      session.post({ kind: 'certificate', requestId, error: { kind, message: text } });
    }
  }

  /** Asks workers whose certificate is signed by this authority to renew, at most 20 a call. */
  requestRenewals(authority: string): void {
    const now = this.#options.clock.elapsed();
    let asked = 0;
    for (const session of this.#options.sessions()) {
      if (session.peer.authority !== authority) continue;
      asked += 1;
      if (asked > maxRenewals) return;
      if (now - (this.#askedAt.get(session.nodeId) ?? -Infinity) < renewRetryMs) continue;
      this.#askedAt.set(session.nodeId, now);
      session.post({ kind: 'renew-now' });
    }
  }

  forget(nodeId: NodeId): void {
    this.#signedAt.delete(nodeId);
    this.#askedAt.delete(nodeId);
  }

  async #sign(session: WorkerSession, request: string): Promise<string> {
    const { clock, signer: desk } = this.#options;
    if (desk === undefined)
      throw new AppError('unsupported', 'this manager cannot sign certificates');
    const now = clock.elapsed();
    if (now - (this.#signedAt.get(session.nodeId) ?? -Infinity) < minRenewIntervalMs) {
      throw new AppError('unavailable', 'too many certificate renewals; retry in a second');
    }
    this.#signedAt.set(session.nodeId, now);
    const signed = this.#signing.then(() => desk.sign(session.peer, request));
    this.#signing = signed.catch(() => undefined);
    return signed;
  }
}
