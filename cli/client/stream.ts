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

/** Parses a text message of a stream; throws the `AppError` if the message carries one. */
export function parseMessage(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError(
      'internal',
      'manager: sent a message that is not JSON; check that client and manager have the same version',
      { cause: error },
    );
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
    // An error caused by aborting the stream ourselves is not reported.
    if (!signal.aborted || (isAppError(error) && error.kind === 'internal')) throw error;
  } finally {
    stream.close();
  }
}

/** Yields a snapshot of the watched tables, then every change. */
export async function* streamWatch(
  client: ControlClient,
  args: ControlStreamMap['watch']['args'],
  signal: AbortSignal,
): AsyncGenerator<WatchMessage> {
  const stream = await client.open('watch', args, signal);
  for await (const message of jsonMessages(stream, signal)) yield message as WatchMessage;
}

/** Events are resumed for this long without a manager that answers. */
const resumeLimitMs = 60_000;
const resumeDelayMs = 300;

/**
 * Yields the recorded events, then new ones. A stream that breaks off, as on a change of leader,
 * resumes after the last event received. Throws if the first connection fails or no manager answers
 * for a minute.
 */
export async function* streamEvents(
  client: ControlClient,
  args: ControlStreamMap['events']['args'],
  signal: AbortSignal,
): AsyncGenerator<ClusterEvent> {
  let after: number | undefined;
  let lastEventAt = performance.now();
  let opened = false;
  for (;;) {
    try {
      const from = after === undefined ? args : { ...args, after };
      const stream = await client.open('events', from, signal);
      opened = true;
      for await (const message of jsonMessages(stream, signal)) {
        const event = message as ClusterEvent;
        after = event.number;
        lastEventAt = performance.now();
        yield event;
      }
      if (signal.aborted || args.untilMs !== undefined) return;
    } catch (error) {
      const retryable = opened && isAppError(error) && error.temporary;
      if (signal.aborted) return;
      if (!retryable || performance.now() - lastEventAt > resumeLimitMs) throw error;
    }
    try {
      await delay(resumeDelayMs, undefined, { signal });
    } catch {
      return;
    }
  }
}

/** Yields batches of log lines in the order in which the manager merged them. */
export async function* streamLogs(
  client: ControlClient,
  args: ControlStreamMap['logs']['args'],
  signal: AbortSignal,
): AsyncGenerator<readonly TaskLogLine[]> {
  const stream = await client.open('logs', args, signal);
  for await (const message of jsonMessages(stream, signal)) {
    yield message as readonly TaskLogLine[];
  }
}

/** Yields the usage of all tasks and nodes, then the changes, about once a second. */
export async function* streamStats(
  client: ControlClient,
  args: ControlStreamMap['stats']['args'],
  signal: AbortSignal,
): AsyncGenerator<StatsMessage> {
  const stream = await client.open('stats', args, signal);
  for await (const message of jsonMessages(stream, signal)) yield message as StatsMessage;
}
