import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorKind } from '../../manager/common/base/errors.js';
import { AppError, isAppError } from '../../manager/common/base/errors.js';
import type {
  ClusterEvent,
  ControlStreamMap,
  TaskLogLine,
  WatchMessage,
} from '../../manager/common/protocol/control.js';
import type { StatsMessage } from '../../manager/common/protocol/statistics.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
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

const eventPatienceMs = 60_000;
const eventPauseMs = 300;

/**
 * What is remembered and what happens. A stream that breaks off, as when another manager takes over, is
 * gone on with behind the last event that came; given up when no manager answers for a minute.
 */
export async function* events(
  client: ControlClient,
  args: ControlStreamMap['events']['args'],
  signal: AbortSignal,
): AsyncGenerator<ClusterEvent> {
  let after: number | undefined;
  let since = performance.now();
  let opened = false;
  for (;;) {
    try {
      const from = after === undefined ? args : { ...args, after };
      const stream = await client.open('events', from, signal);
      opened = true;
      for await (const message of jsonMessages(stream, signal)) {
        const event = message as ClusterEvent;
        after = event.number;
        since = performance.now();
        yield event;
      }
      if (signal.aborted || args.untilMs !== undefined) return;
    } catch (error) {
      const patient = opened && isAppError(error) && error.temporary;
      if (signal.aborted) return;
      if (!patient || performance.now() - since > eventPatienceMs) throw error;
    }
    try {
      await delay(eventPauseMs, undefined, { signal });
    } catch {
      return;
    }
  }
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
