import { containerById } from '../find-container.js';
import { labelsOf } from '../translate/labels.js';
import { readVisible } from '../../access/required-right.js';
import type { Labels } from '../../common/model/meta.js';
import type { ClusterEvent } from '../../common/protocol/control.js';
import type { Sink } from '../response.js';
import { EventQueue } from '../event-queue.js';
import type { GatewayContext, RouteHandler, Route } from '../context.js';
import type { QueryFilters } from '../filters.js';
import { parseQueryFilters } from '../filters.js';
import { nanosParameter } from '../query.js';
import { matchesEvent, messageText, nanosOf, toMessage } from '../translate/event.js';

/** Longest delay of a Node.js timer, ms (2^31 - 1). */
const maxTimerMs = 2_147_483_647;

interface Range {
  /** Nanoseconds since the epoch. */
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
}

/** Replays stored events from `since`, then follows live events until `until` or a disconnect. */
const events: RouteHandler = (context, { query }) => {
  const filters = parseQueryFilters(query);
  const range = { since: nanosParameter(query, 'since'), until: nanosParameter(query, 'until') };
  return {
    kind: 'stream',
    contentType: 'application/json',
    pour: (sink) => pour(context, range, filters, sink),
  };
};

/** The text of an event, undefined if the client does not want it. */
type Format = (event: ClusterEvent) => string | undefined;

/** `removed`: labels of containers that no longer exist. */
function formatter(
  { store, cluster }: GatewayContext,
  { since, until }: Range,
  filters: QueryFilters,
  removed: ReadonlyMap<string, Labels>,
): Format {
  return (event) => {
    const nanos = nanosOf(event);
    if (since !== undefined && nanos < since) return undefined;
    if (until !== undefined && nanos > until) return undefined;
    const item = event.type === 'container' ? containerById(store.view, event.id) : undefined;
    const found = item === undefined ? undefined : labelsOf(item, cluster.id);
    const message = toMessage(event, found ?? removed.get(event.id) ?? {});
    return matchesEvent(message, filters) ? messageText(message, nanos) : undefined;
  };
}

/** The event that tells a container's removal has its labels. */
function labelsOfRemoved(stored: readonly ClusterEvent[]): ReadonlyMap<string, Labels> {
  return new Map(
    stored
      .filter(({ type, action }) => type === 'container' && action === 'destroy')
      .map(({ id, attributes }) => {
        const { node: _node, image: _image, name: _name, ...labels } = attributes;
        return [id, labels];
      }),
  );
}

async function pour(
  context: GatewayContext,
  range: Range,
  filters: QueryFilters,
  sink: Sink,
): Promise<void> {
  const { events: source, clock } = context;
  const { since, until } = range;
  const queue = new EventQueue(sink.signal);
  const all = since === undefined ? [] : source.read({ sinceMs: 0 }).map(([event]) => event);
  const textOf = formatter(context, range, filters, labelsOfRemoved(all));
  const take = (event: ClusterEvent): void => {
    const text = textOf(event);
    if (text !== undefined) queue.push(text);
  };
  const stop = source.listen(([event]) => {
    take(event);
  });
  let cancel: (() => void) | undefined;
  try {
    // Nodes report their events with delays.
    for (const event of [...all].sort(byTime)) take(event);
    if (until !== undefined) {
      const wait = Math.min(maxTimerMs, Math.max(0, Number(until / 1_000_000n) - clock.now()));
      cancel = clock.after(wait, () => {
        queue.end();
      });
    }
    await Promise.race([sendAll(queue, sink), queue.overflow]);
  } finally {
    stop();
    cancel?.();
  }
}

function byTime(a: ClusterEvent, b: ClusterEvent): number {
  return a.at - b.at || a.number - b.number;
}

async function sendAll(queue: EventQueue, sink: Sink): Promise<void> {
  for await (const text of queue) await sink.send(text);
}

export const eventRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/events$/u, right: readVisible, handler: events },
];
