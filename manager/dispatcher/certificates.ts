import type { Clock } from '../common/base/clock.js';
import { AppError, messageOf, toAppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { NodeId } from '../common/model/ids.js';
import type { WorkerMessage } from '../common/protocol/messages.js';
import type { Peer } from '../transport/peer.js';
import type { Session } from './session.js';

/** Signs a request for the certificate that is to follow the one a peer has shown. Throws `invalid`. */
export type SignForPeer = (peer: Peer, request: string) => Promise<string>;

/** What the dispatcher needs of the certificates' room. */
export interface CertificateDesk {
  readonly sign: SignForPeer;
  /** Ids of authorities whose managers workers are to refuse. */
  refusedAuthorities(): readonly string[];
}

export interface CertificateOptions {
  readonly desk: CertificateDesk | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sessions: () => Iterable<Session>;
}

/** A worker that asks more often is broken: signing takes the manager's time. */
const pauseMs = 1_000;
/** How long a worker asked to renew may take before it is asked again. */
const askAgainMs = 20_000;
/** How many workers are asked at a time. */
const atOnce = 20;

/** Signs for workers in their sessions, and asks them to renew when their authority is replaced. */
export class WorkerCertificates {
  readonly #options: CertificateOptions;
  readonly #signedAt = new Map<NodeId, number>();
  readonly #askedAt = new Map<NodeId, number>();
  #signing: Promise<unknown> = Promise.resolve();

  constructor(options: CertificateOptions) {
    this.#options = options;
  }

  refusedAuthorities(): readonly string[] {
    return this.#options.desk?.refusedAuthorities() ?? [];
  }

  /** Who the nodes that have a session are, by their certificates. */
  peers(): ReadonlyMap<NodeId, Peer> {
    return new Map([...this.#options.sessions()].map(({ nodeId, peer }) => [nodeId, peer]));
  }

  /** Tells every worker which authorities' managers are refused. */
  tellRefused(): void {
    const ids = this.refusedAuthorities();
    for (const session of this.#options.sessions()) {
      session.post({ kind: 'refuse-authorities', ids });
    }
  }

  /** Answers one `renew`; one request is signed at a time. */
  async answer(
    session: Session,
    message: Extract<WorkerMessage, { kind: 'renew' }>,
  ): Promise<void> {
    const { requestId } = message;
    try {
      const chain = await this.#sign(session, message.request);
      session.post({ kind: 'certificate', requestId, chain });
      this.#options.log.info(`certificate of node ${session.nodeName} was renewed`);
    } catch (error) {
      const failure = toAppError(error);
      this.#options.log.warn(`certificate of node ${session.nodeName}: ${messageOf(error)}`);
      const { kind, message: text } = failure;
      session.post({ kind: 'certificate', requestId, error: { kind, message: text } });
    }
  }

  /** Asks the workers that still show a certificate of this authority for a new one, some at a time. */
  renewOf(authority: string): void {
    const now = this.#options.clock.elapsed();
    let asked = 0;
    for (const session of this.#options.sessions()) {
      if (session.peer.authority !== authority) continue;
      asked += 1;
      if (asked > atOnce) return;
      if (now - (this.#askedAt.get(session.nodeId) ?? -Infinity) < askAgainMs) continue;
      this.#askedAt.set(session.nodeId, now);
      session.post({ kind: 'renew-now' });
    }
  }

  forget(nodeId: NodeId): void {
    this.#signedAt.delete(nodeId);
    this.#askedAt.delete(nodeId);
  }

  async #sign(session: Session, request: string): Promise<string> {
    const { clock, desk } = this.#options;
    if (desk === undefined) throw new AppError('unsupported', 'this manager signs nothing');
    const now = clock.elapsed();
    if (now - (this.#signedAt.get(session.nodeId) ?? -Infinity) < pauseMs) {
      throw new AppError('unavailable', 'asked too often: try again in a second');
    }
    this.#signedAt.set(session.nodeId, now);
    const signed = this.#signing.then(() => desk.sign(session.peer, request));
    this.#signing = signed.catch(() => undefined);
    return signed;
  }
}
