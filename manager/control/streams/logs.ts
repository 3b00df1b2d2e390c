import type { LogOptions } from '../../common/protocol/worker-calls.js';
import { Args } from '../args.js';
import { findServices } from '../find.js';
import type { ControlStreams } from './stream-context.js';

function readOptions(value: unknown): LogOptions {
  const args = new Args('logs', value);
  const [tail, sinceMs, untilMs] = [
    args.count('tail'),
    args.count('sinceMs'),
    args.count('untilMs'),
  ];
  return {
    follow: args.flag('follow'),
    ...(tail === undefined ? {} : { tail }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  };
}

/** Streams batches of log lines; a slow client slows the workers down (back-pressure). */
export const logsStream: ControlStreams['logs'] = async (context, args, { stream, signal }) => {
  const index = args.count('index');
  const request = {
    project: args.text('project'),
    services: args.texts('services'),
    options: readOptions(args.object('options')),
    ...(index === undefined ? {} : { index }),
  };
  // Throws now for unknown services instead of returning an empty log.
  findServices(context.store.view, request.project, request.services);
  for await (const lines of context.readLogs(request, signal)) {
    await stream.send(JSON.stringify(lines));
  }
};
