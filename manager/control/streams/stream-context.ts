import type { ClientAccess } from '../../common/model/trust/client.js';
import type { ControlStreamName } from '../../common/protocol/control.js';
import type { MessageStream } from '../../common/protocol/worker-calls.js';
import type { AuditLog } from '../audit-log.js';
import type { Args } from '../args.js';
import type { ControlOptions } from '../context.js';
import type { EventLog } from '../event-log.js';

export interface StreamContext extends ControlOptions {
  readonly events: Pick<EventLog, 'read' | 'listen'>;
  readonly access: ClientAccess;
  readonly audit: Pick<AuditLog, 'read' | 'listen'>;
}

export interface ClientStream {
  readonly stream: MessageStream;
  /** Messages that the client sends after its arguments. */
  readonly input: AsyncIterator<string | Uint8Array>;
  /** Resolves when the client disconnects. */
  readonly ended: Promise<undefined>;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
}

/**
 * One handler per stream. It serves until its promise settles; a rejection is sent to the client.
 */
export type ControlStreams = Readonly<
  Record<
    ControlStreamName,
    (context: StreamContext, args: Args, client: ClientStream) => Promise<void>
  >
>;
