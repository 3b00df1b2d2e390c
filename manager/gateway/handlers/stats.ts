import { jsonResponse } from '../response.js';
import type { ApiResponse, Sink } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import type { PlacedContainer } from '../find-container.js';
import { findContainer } from '../find-container.js';
import { flagParameter } from '../query.js';
import { toStats } from '../translate/stats.js';
import type { TimedUsage } from '../usage-feed.js';

/** The stock client waits 2 s for the first sample and shows nothing after that. */
const firstSampleMs = 1_800;

const stats: RouteHandler = (context, request, reference = '') => {
  const item = findContainer(context.store.view, reference);
  const streams = flagParameter(request.query, 'stream') || !request.query.has('stream');
  return streams
    ? {
        kind: 'stream',
        contentType: 'application/json',
        pour: (sink) => pour(context, item, sink),
      }
    : once(context, request, item);
};

/** Streams samples until the container is removed or the client disconnects. */
async function pour(context: GatewayContext, item: PlacedContainer, sink: Sink): Promise<void> {
  const { store, usage: uses } = context;
  for await (const use of uses.follow(item.task.id, sink.signal)) {
    const task = store.view.get('tasks', item.task.id);
    if (task === undefined) return;
    // Wait for the first sample of a running container.
    if (use === undefined && isRunning(task.status.state)) continue;
    await sink.send(`${JSON.stringify(toStats(item, use))}\n`);
  }
}

function isRunning(state: PlacedContainer['task']['status']['state']): boolean {
  return state === 'running';
}

async function once(
  context: GatewayContext,
  { signal }: ApiRequest,
  item: PlacedContainer,
): Promise<ApiResponse> {
  return jsonResponse(toStats(item, await firstSample(context, signal, item)));
}

/** Waits for a usable sample: the first sample of a container has no rates yet. */
async function firstSample(
  { usage: uses, clock }: GatewayContext,
  signal: AbortSignal,
  { task }: PlacedContainer,
): Promise<TimedUsage | undefined> {
  if (!isRunning(task.status.state)) return undefined;
  const timedOut = new AbortController();
  const cancel = clock.after(firstSampleMs, () => {
    timedOut.abort();
  });
  let last: TimedUsage | undefined;
  let isFirst = true;
  try {
    const aborted = AbortSignal.any([signal, timedOut.signal]);
    for await (const use of uses.follow(task.id, aborted)) {
      last = use ?? last;
      // A sample available at once belongs to an active subscription and already has rates.
      if (use !== undefined && (isFirst || use.cpuPercent > 0)) return use;
      isFirst = false;
    }
    return last;
  } finally {
    cancel();
  }
}

export const statsRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/containers\/(.+)\/stats$/u, handler: stats },
];
