import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../manager/common/base/backoff.js';
import { messageOf } from '../../manager/common/base/errors.js';
import type { ControlClient } from '../client/client.js';
import { events, stats, watch } from '../client/stream.js';
import type { World } from './view-model/state/world.js';

export interface FeedOptions {
  readonly client: ControlClient;
  readonly world: World;
  readonly now: () => number;
  readonly changed: () => void;
  readonly signal: AbortSignal;
}

const backoff = { firstMs: 500, maxMs: 5_000 };
/** What happened before the dashboard was opened. */
const pastMs = 3_600_000;

/**
 * Keeps the world up to date over one stream each for state, statistics and events, and over losses of the
 * manager, until `signal`. Never throws.
 */
export async function follow(options: FeedOptions): Promise<void> {
  await Promise.all([followState(options), followStats(options), followEvents(options)]);
}

async function followState(options: FeedOptions): Promise<void> {
  const { client, world, signal, now, changed } = options;
  await again(
    options,
    async () => {
      const messages = watch(client, { data: true }, signal);
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
    // Only the version is missing then.
  }
}

async function followStats(options: FeedOptions): Promise<void> {
  const { client, world, signal, now, changed } = options;
  await again(options, async () => {
    for await (const message of stats(client, {}, signal)) {
      world.applyStats(message, now());
      changed();
    }
  });
}

async function followEvents(options: FeedOptions): Promise<void> {
  const { client, world, signal, now, changed } = options;
  let sinceMs = now() - pastMs;
  await again(options, async () => {
    for await (const event of events(client, { sinceMs: Math.floor(sinceMs) }, signal)) {
      // After a loss, on from the last one seen.
      sinceMs = event.at + 1;
      world.addEvent(event);
      changed();
    }
  });
}

/** Opens a stream again and again, with a growing pause, as long as it ends. */
async function again(
  { signal }: FeedOptions,
  read: () => Promise<void>,
  lost: (reason: string) => void = () => undefined,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const began = performance.now();
    let reason = 'the manager has gone';
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
