import type { ClusterEvent } from '../../protocol/control.js';
import type { StoredEvent } from '../cluster-events.js';
import { Outbox } from './outbox.js';
import type { ControlStreams } from './stream-context.js';

/** Longest that one timer can wait, ms (2^31 - 1). */
const maxTimerMs = 2_147_483_647;

function toWire({ project: _project, ...event }: StoredEvent): ClusterEvent {
  return event;
}

/** What is remembered since `sinceMs`, then what happens, until `untilMs` or for ever. */
export const events: ControlStreams['events'] = async (context, args, { stream, ended }) => {
  const project = args.optionalText('project');
  const sinceMs = args.count('sinceMs');
  const untilMs = args.count('untilMs');
  const outbox = new Outbox(stream);
  const push = (event: StoredEvent): void => {
    const concerns = project === undefined || event.project === project;
    if (concerns && (untilMs === undefined || event.at <= untilMs)) outbox.push(toWire(event));
  };
  const stop = context.events.listen(push);
  if (sinceMs !== undefined) for (const event of context.events.since(sinceMs)) push(event);
  let cancel: (() => void) | undefined;
  const over =
    untilMs === undefined
      ? []
      : [
          new Promise<undefined>((resolve) => {
            const wait = Math.min(maxTimerMs, Math.max(0, untilMs - context.clock.now()));
            cancel = context.clock.after(wait, () => {
              resolve(undefined);
            });
          }),
        ];
  try {
    const failure = await Promise.race([ended, outbox.failed, ...over]);
    if (failure !== undefined) throw failure;
    await outbox.drained();
  } finally {
    stop();
    cancel?.();
  }
};
