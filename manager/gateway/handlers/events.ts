import { readVisible } from '../../access/required-right.js';
import { AppError } from '../../common/base/errors.js';
import type { Labels } from '../../common/model/meta.js';
import type { ClusterEvent } from '../../common/protocol/control.js';
import type { Sink } from '../response.js';
import type { GatewayContext, RouteHandler, Route } from '../context.js';
import { listContainers } from '../find-container.js';
import { parseQueryFilters } from '../filters.js';
import { timeParameter } from '../query.js';
import { eventFilters, matchesEvent, toMessage } from '../translate/event.js';
import { labelsOf } from '../translate/labels.js';

/** Longest queue, in events; a slower reader is disconnected to bound memory. */
const maxQueued = 20_000;
/** Longest delay of a Node.js timer, ms (2^31 - 1). */
const maxTimerMs = 2_147_483_647;

/** Replays stored events from `since`, then follows live events until `until` or a disconnect. */
const events: RouteHandler = (context, { query }) => {
  const filters = parseQueryFilters(query, eventFilters);
  const range = { sinceMs: timeParameter(query, 'since'), untilMs: timeParameter(query, 'until') };
  const textOf = (event: ClusterEvent): string | undefined => {
    if (range.untilMs !== undefined && event.at > range.untilMs) return undefined;
    const message = toMessage(event, labelsOfContainer(context, event));
    return matchesEvent(message, filters) ? `${JSON.stringify(message)}\n` : undefined;
  };
  return {
    kind: 'stream',
    contentType: 'application/json',
    pour: (sink) => pour(context, range, textOf, sink),
  };
};

function labelsOfContainer({ store, cluster }: GatewayContext, event: ClusterEvent): Labels {
  if (event.type !== 'container') return {};
  const item = listContainers(store.view).find(({ containerId }) => containerId === event.id);
  return item === undefined ? {} : labelsOf(item, cluster.id);
}

async function pour(
  { events: source, clock }: GatewayContext,
  {
    sinceMs,
    untilMs,
  }: { readonly sinceMs: number | undefined; readonly untilMs: number | undefined },
  textOf: (event: ClusterEvent) => string | undefined,
  sink: Sink,
): Promise<void> {
  const queue = new EventQueue(sink.signal);
  const take = (event: ClusterEvent): void => {
    const text = textOf(event);
    if (text !== undefined) queue.push(text);
  };
  const stop = source.listen(([event]) => {
    take(event);
  });
  let cancel: (() => void) | undefined;
  try {
    if (sinceMs !== undefined) for (const [event] of source.read({ sinceMs })) take(event);
    if (untilMs !== undefined) {
      const wait = Math.min(maxTimerMs, Math.max(0, untilMs - clock.now()));
      cancel = clock.after(wait, () => {
        queue.end();
      });
    }
    for await (const text of queue) await sink.send(text);
  } finally {
    stop();
    cancel?.();
  }
}

/** Queue of events for one reader. Iteration ends once drained after `end`, or on abort. */
class EventQueue {
  #queued: string[] = [];
  #ended = false;
  #wake: () => void = () => undefined;
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener(
      'abort',
      () => {
        this.#wake();
      },
      { once: true },
    );
  }

  push(text: string): void {
    this.#queued.push(text);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    while (!this.#signal.aborted) {
      const batch = this.#queued;
      this.#queued = [];
      if (batch.length > maxQueued) {
        throw new AppError(
          'unavailable',
          'events: client reads too slowly, events were dropped; reconnect',
        );
      }
      if (batch.length > 0) yield batch.join('');
      else if (this.#ended) return;
      else await this.#waitForEvent();
    }
  }

  #waitForEvent(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#signal.aborted) resolve();
    });
  }
}

export const eventRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/events$/u, right: readVisible, handler: events },
];
