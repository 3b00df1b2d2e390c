import { setTimeout as delay } from 'node:timers/promises';
import type { Decoder } from '../../manager/common/base/decode.js';
import { errorKind, isFields, object, string } from '../../manager/common/base/decode.js';
import { AppError, isAppError } from '../../manager/common/base/errors.js';
import type {
  AuditEntry,
  ClusterEvent,
  ControlStreamMap,
  TaskLogLine,
  WatchMessage,
} from '../../manager/common/protocol/control.js';
import {
  auditEntry,
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

/** A stream of numbered messages that a manager resumes after a number. */
interface ResumableStream<Value> {
  readonly open: (after: number | undefined) => Promise<MessageStream>;
  readonly decoder: Decoder<Value>;
  /** The manager ends the stream itself. */
  readonly hasEnd: boolean;
}

/**
 * Yields the messages of a stream. One that breaks off, as on a change of leader, resumes after the
 * last message received. Throws if the first connection fails or no manager answers for a minute.
 */
async function* resumed<Value extends { readonly number: number }>(
  { open, decoder, hasEnd }: ResumableStream<Value>,
  signal: AbortSignal,
): AsyncGenerator<Value> {
  let after: number | undefined;
  let lastMessageAt = performance.now();
  let opened = false;
  for (;;) {
    try {
      const stream = await open(after);
      opened = true;
      for await (const message of messages(stream, decoder, signal)) {
        after = message.number;
        lastMessageAt = performance.now();
        yield message;
      }
      if (signal.aborted || hasEnd) return;
    } catch (error) {
      const retryable = opened && isAppError(error) && error.temporary;
      if (signal.aborted) return;
      if (!retryable || performance.now() - lastMessageAt > resumeLimitMs) throw error;
    }
    try {
      await delay(resumeDelayMs, undefined, { signal });
    } catch {
      return;
    }
  }
}

/** Yields the recorded events, then new ones; resumes as `resumed` does. */
export function streamEvents(
  client: ControlClient,
  args: ControlStreamMap['events']['args'],
  signal: AbortSignal,
): AsyncGenerator<ClusterEvent> {
  const open = (after: number | undefined): Promise<MessageStream> =>
    client.open('events', after === undefined ? args : { ...args, after }, signal);
  return resumed({ open, decoder: clusterEvent, hasEnd: args.untilMs !== undefined }, signal);
}

/** Yields audit entries as they are recorded; resumes as `resumed` does. */
export function streamAudit(
  client: ControlClient,
  args: ControlStreamMap['audit']['args'],
  signal: AbortSignal,
): AsyncGenerator<AuditEntry> {
  const open = (after = args.after): Promise<MessageStream> =>
    client.open('audit', after === undefined ? args : { ...args, after }, signal);
  return resumed({ open, decoder: auditEntry, hasEnd: false }, signal);
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
