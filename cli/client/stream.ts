import { setTimeout as delay } from 'node:timers/promises';
import type { Decoder } from '../../manager/common/base/decode.js';
import { errorKind, isFields, object, string } from '../../manager/common/base/decode.js';
import { AppError, isAppError } from '../../manager/common/base/errors.js';
import type {
  ClusterEvent,
  ControlStreamMap,
  TaskLogLine,
  WatchMessage,
} from '../../manager/common/protocol/control.js';
import {
  clusterEvent,
  statsMessage,
  taskLogLines,
  watchMessage,
} from '../../manager/common/protocol/control-messages.js';
import type { StatsMessage } from '../../manager/common/protocol/statistics.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import { decodeAnswer, parseAnswer } from './answer.js';
import type { ControlClient } from './client.js';

const errorBody = object({ kind: errorKind, message: string });

/** Parses a text message of a stream; throws the `AppError` if the message carries one. */
export function parseMessage(text: string): unknown {
  const value = parseAnswer(text, 'manager: message');
  if (isFields(value) && isFields(value.error)) {
    const { kind, message } = decodeAnswer(value.error, errorBody, 'manager: error');
    throw new AppError(kind, message);
  }
  return value;
}

async function* messages<Value>(
  stream: MessageStream,
  decoder: Decoder<Value>,
  signal: AbortSignal,
): AsyncGenerator<Value> {
  try {
    for await (const message of stream) {
      const text = typeof message === 'string' ? message : Buffer.from(message).toString();
      yield decodeAnswer(parseMessage(text), decoder, 'manager: message');
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
  yield* messages(stream, watchMessage, signal);
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
      for await (const event of messages(stream, clusterEvent, signal)) {
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
  yield* messages(stream, taskLogLines, signal);
}

/** Yields the usage of all tasks and nodes, then the changes, about once a second. */
export async function* streamStats(
  client: ControlClient,
  args: ControlStreamMap['stats']['args'],
  signal: AbortSignal,
): AsyncGenerator<StatsMessage> {
  const stream = await client.open('stats', args, signal);
  yield* messages(stream, statsMessage, signal);
}
