import { backoffMs } from '../common/base/backoff.js';
import type { Clock } from '../common/base/clock.js';
import { messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { NodeId } from '../common/model/ids.js';
import type { StatsMessage } from '../common/protocol/statistics.js';
import type { WorkerCalls } from '../common/protocol/worker-calls.js';
import { decodeWorkerStats } from '../common/protocol/worker-stream-decoders.js';
import type { ClusterStore } from '../store/store.js';
import { LatestStats } from './latest.js';

export interface StatsCollectorOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly workers: Pick<WorkerCalls, 'open'>;
}

const periodMs = 1_000;
/** Faster updates at first: the subscriber that starts the streams waits for the first samples. */
const warmUp = { forMs: 4_000, everyMs: 200 };
const backoff = { firstMs: 1_000, maxMs: 15_000 };
/** Streams stay open this long without readers, e.g. between scrapes every 30 s. */
const lingerMs = 45_000;

type Listener = (message: StatsMessage) => void;

interface NodeReader {
  readonly abort: AbortController;
}

/**
 * Collects statistics of the whole cluster: one stream per ready node, shared by all subscribers,
 * and no streams without subscribers.
 */
export class StatsCollector {
  readonly #options: StatsCollectorOptions;
  readonly #listeners = new Set<Listener>();
  readonly #readers = new Map<NodeId, NodeReader>();
  #latest = new LatestStats();
  #cancelTick: (() => void) | undefined;
  #cancelEnd: (() => void) | undefined;
  #startedAt = 0;
  #stopped = false;

  constructor(options: StatsCollectorOptions) {
    this.#options = options;
  }

  /** Number of open streams to workers. */
  get openStreams(): number {
    return this.#readers.size;
  }

  /**
   * Sends a full snapshot at once, then changes each second. Returns a function that unsubscribes.
   */
  subscribe(listener: Listener): () => void {
    this.#keepRunning();
    this.#listeners.add(listener);
    listener(this.#latest.snapshot(this.#options.clock.now()));
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#endLater();
    };
  }

  /** Returns the current snapshot. Starts the streams if needed, so a later call returns more. */
  read(): StatsMessage {
    this.#keepRunning();
    if (this.#listeners.size === 0) this.#endLater();
    return this.#latest.snapshot(this.#options.clock.now());
  }

  stop(): void {
    this.#stopped = true;
    this.#listeners.clear();
    this.#end();
  }

  #keepRunning(): void {
    this.#cancelEnd?.();
    this.#cancelEnd = undefined;
    if (this.#cancelTick !== undefined || this.#stopped) return;
    this.#startedAt = this.#options.clock.elapsed();
    this.#tick();
  }

  #endLater(): void {
    this.#cancelEnd?.();
    this.#cancelEnd = this.#options.clock.after(lingerMs, () => {
      this.#end();
    });
  }

  #end(): void {
    this.#cancelTick?.();
    this.#cancelEnd?.();
    this.#cancelTick = undefined;
    this.#cancelEnd = undefined;
    for (const { abort } of this.#readers.values()) abort.abort();
    this.#readers.clear();
    this.#latest = new LatestStats();
  }

  #tick(): void {
    this.#syncReaders();
    const now = this.#options.clock.now();
    const message = this.#latest.delta(now);
    for (const listener of this.#listeners) listener(message);
    const isWarmingUp = this.#options.clock.elapsed() - this.#startedAt < warmUp.forMs;
    this.#cancelTick = this.#options.clock.after(isWarmingUp ? warmUp.everyMs : periodMs, () => {
      this.#tick();
    });
  }

  #syncReaders(): void {
    const nodes = this.#options.store.view.list('nodes');
    const ready = new Set(
      nodes.filter(({ status }) => status.state === 'ready').map(({ id }) => id),
    );
    for (const [nodeId, { abort }] of this.#readers) {
      if (ready.has(nodeId)) continue;
      abort.abort();
      this.#readers.delete(nodeId);
      this.#latest.dropNode(nodeId);
    }
    for (const nodeId of ready) {
      if (this.#readers.has(nodeId)) continue;
      const abort = new AbortController();
      this.#readers.set(nodeId, { abort });
      void this.#readNode(nodeId, this.#latest, abort.signal);
    }
  }

  /** Reads a node's statistics until the abort; reconnects with back-off. Never rejects. */
  async #readNode(nodeId: NodeId, latest: LatestStats, signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#readOnce(nodeId, latest, signal, () => {
          failures = 0;
        });
      } catch (error) {
        log.debug('statistics of a node: stream failed, retrying', {
          nodeId,
          error: messageOf(error),
        });
      }
      latest.dropNode(nodeId);
      failures += 1;
      await delay(clock, backoffMs(backoff, failures, Math.random()), signal);
    }
  }

  async #readOnce(
    nodeId: NodeId,
    latest: LatestStats,
    signal: AbortSignal,
    onMessage: () => void,
  ): Promise<void> {
    const { stream } = await this.#options.workers.open(nodeId, { kind: 'stats' }, signal);
    const close = (): void => {
      stream.close();
    };
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    try {
      for await (const message of stream) {
        // A binary frame is an error: the worker cannot serve statistics.
        if (typeof message !== 'string') break;
        if (signal.aborted) break;
        latest.update(nodeId, decodeWorkerStats(message, `statistics of node ${nodeId}`));
        onMessage();
      }
    } finally {
      signal.removeEventListener('abort', close);
      close();
    }
  }
}

function delay(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    signal.addEventListener(
      'abort',
      () => {
        cancel();
        resolve();
      },
      { once: true },
    );
  });
}
