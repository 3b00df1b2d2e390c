import type { ErrorKind } from '../../manager/base/errors.js';
import { AppError, isAppError } from '../../manager/base/errors.js';
import type {
  ClusterEvent,
  ControlStreamMap,
  TaskLogLine,
  WatchMessage,
} from '../../manager/protocol/control.js';
import type { StatsMessage } from '../../manager/protocol/statistics.js';
import type { MessageStream } from '../../manager/protocol/worker-calls.js';
import type { ControlClient } from './client.js';

function isErrorBody(value: unknown): value is { kind: ErrorKind; message: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    typeof value.kind === 'string' &&
    'message' in value &&
    typeof value.message === 'string'
  );
}

/** A text message of a stream; throws the error that one may carry. */
export function parseMessage(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError('internal', 'the manager sent what is no JSON', { cause: error });
  }
  if (typeof value === 'object' && value !== null && 'error' in value && isErrorBody(value.error)) {
    throw new AppError(value.error.kind, value.error.message);
  }
  return value;
}

async function* jsonMessages(stream: MessageStream, signal: AbortSignal): AsyncGenerator {
  try {
    for await (const message of stream) {
      yield parseMessage(typeof message === 'string' ? message : Buffer.from(message).toString());
    }
  } catch (error) {
    // Ending a stream is no error of the one who ended it.
    if (!signal.aborted || (isAppError(error) && error.kind === 'internal')) throw error;
  } finally {
    stream.close();
  }
}

/** The watched tables as they are, then every change of them. */
export async function* watch(
  client: ControlClient,
  args: ControlStreamMap['watch']['args'],
  signal: AbortSignal,
): AsyncGenerator<WatchMessage> {
  const stream = await client.open('watch', args, signal);
  for await (const message of jsonMessages(stream, signal)) yield message as WatchMessage;
}

export async function* events(
  client: ControlClient,
  args: ControlStreamMap['events']['args'],
  signal: AbortSignal,
): AsyncGenerator<ClusterEvent> {
  const stream = await client.open('events', args, signal);
  for await (const message of jsonMessages(stream, signal)) yield message as ClusterEvent;
}

/** Batches of lines, in the order the manager merged them. */
export async function* logs(
  client: ControlClient,
  args: ControlStreamMap['logs']['args'],
  signal: AbortSignal,
): AsyncGenerator<readonly TaskLogLine[]> {
  const stream = await client.open('logs', args, signal);
  for await (const message of jsonMessages(stream, signal)) {
    yield message as readonly TaskLogLine[];
  }
}

/** What everything uses, then what has changed, about each second. */
export async function* stats(
  client: ControlClient,
  args: ControlStreamMap['stats']['args'],
  signal: AbortSignal,
): AsyncGenerator<StatsMessage> {
  const stream = await client.open('stats', args, signal);
  for await (const message of jsonMessages(stream, signal)) yield message as StatsMessage;
}
