import type { ProjectEvent } from '../event-log.js';
import { SendQueue } from './send-queue.js';
import type { ControlStreams } from './stream-context.js';

/** Longest delay of a Node.js timer, ms (2^31 - 1). */
const maxTimerMs = 2_147_483_647;

/**
 * Replays stored events since `sinceMs` or after the number `after`, then follows live events until
 * `untilMs` or until the client disconnects.
 */
export const eventsStream: ControlStreams['events'] = async (context, args, { stream, ended }) => {
  const project = args.optionalText('project');
  const sinceMs = args.count('sinceMs');
  const untilMs = args.count('untilMs');
  const after = args.count('after');
  const outbox = new SendQueue(stream);
  const push = ([event, of]: ProjectEvent): void => {
    const matches = project === undefined || of === project;
    if (matches && (untilMs === undefined || event.at <= untilMs)) outbox.push(event);
  };
  const stop = context.events.listen(push);
  const from = after === undefined ? { sinceMs: sinceMs ?? Infinity } : { after };
  for (const stored of context.events.read(from)) push(stored);
  let cancel: (() => void) | undefined;
  const deadline =
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
    const failure = await Promise.race([ended, outbox.failed, ...deadline]);
    if (failure !== undefined) throw failure;
    await outbox.drained();
  } finally {
    stop();
    cancel?.();
  }
};
