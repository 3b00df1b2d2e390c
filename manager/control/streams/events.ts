import type { Told } from '../event-log.js';
import { Outbox } from './outbox.js';
import type { ControlStreams } from './stream-context.js';

/** Longest that one timer can wait, ms (2^31 - 1). */
const maxTimerMs = 2_147_483_647;

/** What is remembered since `sinceMs`, then what happens, until `untilMs` or for ever. */
export const events: ControlStreams['events'] = async (context, args, { stream, ended }) => {
  const project = args.optionalText('project');
  const sinceMs = args.count('sinceMs');
  const untilMs = args.count('untilMs');
  const after = args.count('after');
  const outbox = new Outbox(stream);
  const push = ([event, of]: Told): void => {
    const concerns = project === undefined || of === project;
    if (concerns && (untilMs === undefined || event.at <= untilMs)) outbox.push(event);
  };
  const stop = context.events.listen(push);
  const from = after === undefined ? { sinceMs: sinceMs ?? Infinity } : { after };
  for (const told of context.events.read(from)) push(told);
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
