import { isSelected } from '../audit-log.js';
import { SendQueue } from './send-queue.js';
import type { ControlStreams } from './stream-context.js';

/**
 * Sends the stored entries since `sinceMs` or after the number `after`, then each new one until the
 * client disconnects.
 */
export const auditStream: ControlStreams['audit'] = async ({ audit }, args, { stream, ended }) => {
  const after = args.count('after');
  const client = args.optionalText('client');
  const sinceMs = args.count('sinceMs');
  const outbox = new SendQueue(stream);
  const stop = audit.listen((entry) => {
    if (isSelected(entry, { client, after })) outbox.push(entry);
  });
  try {
    const isReplay = after !== undefined || sinceMs !== undefined;
    const stored = isReplay ? audit.read({ client, after, sinceMs }) : [];
    for (const entry of stored) outbox.push(entry);
    const failure = await Promise.race([ended, outbox.failed]);
    if (failure !== undefined) throw failure;
  } finally {
    stop();
  }
};
