import type { Clock } from '../common/base/clock.js';
import { isForbidden, messageOf, toAppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { ControlCallName, ControlStreamName } from '../common/protocol/control.js';
import { isNotLeaderError } from '../common/protocol/messages.js';
import { readingCalls } from '../common/protocol/call-effects.js';
import type { AuditOrigin } from '../store/journal.js';
import type { Peer } from '../transport/peer.js';
import type { AuditLog } from './audit-log.js';
import { FailureBudget } from './failure-budget.js';

type ControlName = ControlCallName | ControlStreamName;

/** Calls and streams that act on containers or images without changing the store. */
const actingRequests: ReadonlySet<string> = new Set<ControlName>([
  ...([
    'service.kill',
    'service.pause',
    'service.clean',
    'image.remove',
    'exec',
    'attach',
  ] as const),
  ...(['copy-in', 'push', 'build', 'task.commit'] as const),
]);

/** Streams that show what containers and the store hold. */
const revealingStreams: ReadonlySet<string> = new Set<ControlName>([
  ...(['logs', 'copy-out', 'export', 'backup'] as const),
]);

/** Streams that show objects and measurements; of these only refusals are recorded. */
const readingStreams: ReadonlySet<string> = new Set<ControlName>([
  'watch',
  'events',
  'stats',
  'audit',
]);

/** The principal of an audit record, as its connection shows it. */
export function auditOrigin(peer: Peer, action: string): AuditOrigin {
  const { nodeId, role, serial = '', address, via } = peer;
  return {
    who: nodeId,
    role: role === 'user' ? 'client' : role,
    ...(serial === '' ? {} : { serial }),
    ...(address === undefined ? {} : { from: address }),
    ...(via === undefined ? {} : { via }),
    action,
  };
}

/** Records requests of the Docker API gateway. */
export interface RequestRecorder {
  /** Records an action that changes no object of the store, before it acts. */
  acted(peer: Peer, action: string, about: string): Promise<void>;
  /** Records a read of data, before its first byte. Never rejects. */
  revealed(peer: Peer, action: string, about: string): Promise<void>;
  /** Records a failed request, once for each error. Never rejects. */
  failed(peer: Peer, action: string, error: unknown): Promise<void>;
}

/** Records the requests of clients that leave no change in the store: actions, reads, failures. */
export class AuditRecorder {
  readonly #audit: Pick<AuditLog, 'append'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #budget = new FailureBudget();
  /** Errors that are recorded: a call of the gateway passes two layers. */
  readonly #recorded = new WeakSet();

  constructor(
    audit: Pick<AuditLog, 'append'>,
    { clock, log }: { readonly clock: Clock; readonly log: Logger },
  ) {
    this.#audit = audit;
    this.#clock = clock;
    this.#log = log;
  }

  readonly requests: RequestRecorder = {
    acted: (peer, action, about) => this.#acted(auditOrigin(peer, action), 'started', about),
    revealed: (peer, action, about) => this.#append(auditOrigin(peer, action), 'started', [about]),
    failed: (peer, action, error) => this.#failed(auditOrigin(peer, action), '', error),
  };

  /** Records the start of a stream that acts or reveals data, before its first byte. */
  async started(origin: AuditOrigin, about: string): Promise<void> {
    if (revealingStreams.has(origin.action)) await this.#append(origin, 'started', [about]);
    else if (actingRequests.has(origin.action)) await this.#acted(origin, 'started', about);
  }

  /** Records a call that has acted without a change in the store. */
  async done(origin: AuditOrigin, about: string): Promise<void> {
    if (actingRequests.has(origin.action)) await this.#acted(origin, 'ok', about);
  }

  /** Records a failed call or stream: every refusal, and any failure of one that is no mere read. */
  async failed(origin: AuditOrigin, about: string, error: unknown): Promise<void> {
    const isRead = readingCalls.has(origin.action) || readingStreams.has(origin.action);
    if (!isRead || isForbidden(error)) await this.#failed(origin, about, error);
  }

  async #acted(origin: AuditOrigin, result: 'ok' | 'started', about: string): Promise<void> {
    await this.#audit.append(origin, result, [about]);
  }

  async #failed(origin: AuditOrigin, about: string, error: unknown): Promise<void> {
    const { kind } = toAppError(error);
    // The client left, or asks the next leader, which records the request.
    if (kind === 'cancelled' || isNotLeaderError(error)) return;
    if (typeof error === 'object' && error !== null) {
      if (this.#recorded.has(error)) return;
      this.#recorded.add(error);
    }
    const omitted = this.#budget.take(origin.who, this.#clock.elapsed());
    if (omitted === undefined) return;
    const more = omitted === 0 ? [] : [`${omitted} failed requests before it are not listed`];
    await this.#append(origin, kind, [about, ...more]);
  }

  /**
   * Writes a record. If the store cannot be written, it goes to the manager's log instead: a backup
   * must be possible then.
   */
  async #append(origin: AuditOrigin, result: string, changes: readonly string[]): Promise<void> {
    try {
      await this.#audit.append(origin, result, changes);
    } catch (error) {
      const about = changes.join('; ');
      this.#log.warn(`audit: not stored: ${messageOf(error)}`, { ...origin, result, about });
    }
  }
}
