import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../manager/common/base/backoff.js';
import { messageOf } from '../../manager/common/base/errors.js';
import type { ControlClient } from '../client/client.js';
import { streamEvents, streamStats, streamWatch } from '../client/stream.js';
import type { ClusterState } from './view-model/state/cluster-state.js';

export interface FeedOptions {
  readonly client: ControlClient;
  readonly world: ClusterState;
  readonly now: () => number;
  /** Called after each change of the world. */
  readonly changed: () => void;
  readonly signal: AbortSignal;
}

const backoff = { firstMs: 500, maxMs: 5_000 };
/** Age of the oldest event to load. */
const eventHistoryMs = 3_600_000;

/**
 * Keeps the world up to date until `signal` aborts, with one stream each for state, statistics and
 * events. Reconnects with back-off when the manager is lost. Never throws.
 */
export async function runFeed(options: FeedOptions): Promise<void> {
  await Promise.all([followState(options), followStats(options), followEvents(options)]);
}

async function followState(options: FeedOptions): Promise<void> {
  const { client, world, signal, now, changed } = options;
  await keepStreaming(
    options,
    async () => {
      const messages = streamWatch(client, { data: true }, signal);
      for await (const message of messages) {
        if (world.connection.state !== 'live') {
          world.setConnection({ state: 'live', since: now(), message: '' });
          void readInfo(options);
        }
        world.applyWatch(message);
        changed();
      }
    },
    (reason) => {
      if (world.connection.state === 'lost') return;
      world.setConnection({ state: 'lost', since: now(), message: reason });
      changed();
    },
  );
}

async function readInfo({ client, world, signal, changed }: FeedOptions): Promise<void> {
  try {
    world.managerVersion = (await client.call('info', {}, { signal })).version;
    changed();
  } catch {
    // Not essential: only the manager's version stays empty.
  }
}

async function followStats(options: FeedOptions): Promise<void> {
  const { client, world, signal, now, changed } = options;
  await keepStreaming(options, async () => {
    for await (const message of streamStats(client, {}, signal)) {
      world.applyStats(message, now());
      changed();
    }
  });
}

async function followEvents(options: FeedOptions): Promise<void> {
  const { client, world, signal, now, changed } = options;
  let sinceMs = now() - eventHistoryMs;
  await keepStreaming(options, async () => {
    for await (const event of streamEvents(client, { sinceMs: Math.floor(sinceMs) }, signal)) {
      // A reconnect resumes after the last event.
      sinceMs = event.at + 1;
      world.addEvent(event);
      changed();
    }
  });
}

/** Reopens a stream with exponential back-off whenever it ends. */
async function keepStreaming(
  { signal }: FeedOptions,
  read: () => Promise<void>,
  lost: (reason: string) => void = () => undefined,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const began = performance.now();
    let reason = 'the manager closed the stream';
    try {
      await read();
    } catch (error) {
      reason = messageOf(error);
    }
    lost(reason);
    failures = performance.now() - began > 10_000 ? 1 : failures + 1;
    const wait = backoffMs(backoff, failures, Math.random());
    await sleep(wait, undefined, { signal }).catch(() => undefined);
  }
}
