import type { ControlStreamName } from '../../common/protocol/control.js';
import type { MessageStream } from '../../common/protocol/worker-calls.js';
import type { Args } from '../args.js';
import type { ControlOptions } from '../context.js';
import type { EventLog } from '../event-log.js';

export interface StreamContext extends ControlOptions {
  readonly events: EventLog;
}

export interface ClientStream {
  readonly stream: MessageStream;
  /** What the client sends after its arguments. */
  readonly input: AsyncIterator<string | Uint8Array>;
  /** Resolves when the client has gone; only then for streams that read no input. */
  readonly ended: Promise<undefined>;
  /** Aborted at the same moment. */
  readonly signal: AbortSignal;
}

/** One function per stream; it serves until it resolves, and what it throws is sent to the client. */
export type ControlStreams = Readonly<
  Record<
    ControlStreamName,
    (context: StreamContext, args: Args, client: ClientStream) => Promise<void>
  >
>;
