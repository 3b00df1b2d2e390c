import { json } from '../answer.js';
import type { Answer, Sink } from '../answer.js';
import type { ApiRequest, GatewayContext, Handler, Route } from '../context.js';
import type { Placed } from '../find-container.js';
import { findContainer } from '../find-container.js';
import { flag } from '../query.js';
import { toStats } from '../translate/stats.js';
import type { TimedUse } from '../use-feed.js';

/** The stock client gives up on a first answer after 2 s, and shows nothing then. */
const patienceMs = 1_800;

const stats: Handler = (context, request, reference = '') => {
  const item = findContainer(context.store.view, reference);
  const streams = flag(request.query, 'stream') || !request.query.has('stream');
  return streams
    ? {
        kind: 'stream',
        contentType: 'application/json',
        pour: (sink) => pour(context, item, sink),
      }
    : once(context, request, item);
};

/** Until the container is removed or the client goes. */
async function pour(context: GatewayContext, item: Placed, sink: Sink): Promise<void> {
  const { store, uses } = context;
  for await (const use of uses.follow(item.task.id, sink.signal)) {
    const task = store.view.get('tasks', item.task.id);
    if (task === undefined) return;
    // What runs and was not measured yet is waited for.
    if (use === undefined && runs(task.status.state)) continue;
    await sink.send(`${JSON.stringify(toStats(item, use))}\n`);
  }
}

function runs(state: Placed['task']['status']['state']): boolean {
  return state === 'running';
}

async function once(
  context: GatewayContext,
  { signal }: ApiRequest,
  item: Placed,
): Promise<Answer> {
  return json(toStats(item, await measured(context, signal, item)));
}

/** The first use that is known; a container measured only once has no rates yet, which may come in time. */
async function measured(
  { uses, clock }: GatewayContext,
  signal: AbortSignal,
  { task }: Placed,
): Promise<TimedUse | undefined> {
  if (!runs(task.status.state)) return undefined;
  const late = new AbortController();
  const cancel = clock.after(patienceMs, () => {
    late.abort();
  });
  let last: TimedUse | undefined;
  let isFirst = true;
  try {
    const either = AbortSignal.any([signal, late.signal]);
    for await (const use of uses.follow(task.id, either)) {
      last = use ?? last;
      // Known before anybody asked: somebody else has been reading it.
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
