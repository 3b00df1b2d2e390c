import { readVisible } from '../../access/required-right.js';
import { isFields } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { NodeId } from '../../common/model/ids.js';
import type { Task } from '../../common/model/task.js';
import { containerState } from '../../common/model/container-state.js';
import type { PlacedContainer } from '../find-container.js';
import { findContainer } from '../find-container.js';
import type { LogLine, LogOptions } from '../../common/protocol/worker-calls.js';
import { logBytes } from '../../common/protocol/worker-calls.js';
import { decodeLogLines } from '../../common/protocol/worker-stream-decoders.js';
import type { Sink } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import { flagParameter, nanosParameter, timeParameter } from '../query.js';
import { multiplexed } from '../translate/multiplex.js';

export interface LogSelection {
  readonly streams: ReadonlySet<LogLine['stream']>;
  readonly timestamps: boolean;
  readonly isTty: boolean;
  readonly options: LogOptions;
}

/** Reads the parameters of a log request for a task. Throws `invalid`. */
export function readLogQuery(
  { query }: Pick<ApiRequest, 'query'>,
  task: Pick<Task, 'spec'>,
): LogSelection {
  const streams = (['stdout', 'stderr'] as const).filter((stream) => flagParameter(query, stream));
  if (streams.length === 0) {
    throw new AppError('invalid', 'Bad parameters: you must choose at least one stream');
  }
  requireReadable(task);
  const tail = query.get('tail') ?? 'all';
  const [since, untilMs] = [nanosParameter(query, 'since'), timeParameter(query, 'until')];
  // Rounded down: a line of that very time is wanted.
  const sinceMs = since === undefined ? undefined : Number(since / 1_000_000n);
  return {
    streams: new Set(streams),
    timestamps: flagParameter(query, 'timestamps'),
    isTty: task.spec.container.tty,
    options: {
      follow: flagParameter(query, 'follow'),
      // Any non-numeric value means all lines, as on the Docker Engine.
      ...(/^\d+$/u.test(tail) ? { tail: Number(tail) } : {}),
      ...(sinceMs === undefined ? {} : { sinceMs }),
      // The Docker Engine treats 0 as no limit.
      ...(untilMs === undefined || untilMs === 0 ? {} : { untilMs }),
    },
  };
}

/** Throws `unsupported` with the Docker Engine's message if the container keeps no log. */
function requireReadable({ spec }: Pick<Task, 'spec'>): void {
  const config = spec.container.hostConfig.LogConfig;
  if (!isFields(config) || config.Type !== 'none') return;
  throw new AppError('unsupported', 'configured logging driver does not support reading');
}

/** A client's container without a run has no log to follow; as on the Docker Engine it ends. */
function isUnstarted(task: Task): boolean {
  return task.spec.container.origin !== undefined && containerState(task) === 'created';
}

/** Sends the output of the container so far, for an attach that asks for that only. */
export async function pourPast(
  context: GatewayContext,
  request: ApiRequest,
  item: PlacedContainer,
  sink: Sink,
): Promise<void> {
  const selection = readLogQuery(request, item.task);
  await pourItem(context, item, { ...selection, options: { follow: false } }, sink);
}

const logs: RouteHandler = (context, request, reference = '') => {
  const item = findContainer(context.store.view, reference);
  if (item.node.status.state !== 'ready') {
    const { name } = item.node.spec;
    throw new AppError(
      'unavailable',
      `logs of ${reference}: not available, node ${name} is ${item.node.status.state}`,
    );
  }
  const wanted = readLogQuery(request, item.task);
  const selection = isUnstarted(item.task)
    ? { ...wanted, options: { ...wanted.options, follow: false } }
    : wanted;
  const format = selection.isTty ? 'raw' : 'multiplexed';
  return {
    kind: 'stream',
    contentType: `application/vnd.docker.${format}-stream`,
    pour: (sink) => pourItem(context, item, selection, sink),
  };
};

function pourItem(
  context: GatewayContext,
  { task, node }: PlacedContainer,
  selection: LogSelection,
  sink: Sink,
): Promise<void> {
  return pourLog(context, { task, nodeId: node.id, selection }, sink);
}

interface LogSource {
  readonly task: Pick<Task, 'id'>;
  readonly nodeId: NodeId;
  readonly selection: LogSelection;
  /** Follows the time stamp of each frame: clients read it from every one. */
  readonly prefix?: string;
}

/** Sends the log of one task. */
export async function pourLog(
  { workers }: Pick<GatewayContext, 'workers'>,
  source: LogSource,
  sink: Sink,
): Promise<void> {
  const { task, nodeId, selection } = source;
  const request = { kind: 'logs', taskId: task.id, options: selection.options } as const;
  const { stream } = await workers.open(nodeId, request, sink.signal);
  const close = (): void => {
    stream.close();
  };
  sink.signal.addEventListener('abort', close, { once: true });
  const format = formatter(source);
  try {
    for await (const message of stream) {
      const lines = decodeLogLines(message, `logs of task ${task.id} from node ${nodeId}`);
      const chunk = Buffer.concat(
        lines.filter(({ stream: of }) => selection.streams.has(of)).map(format),
      );
      if (chunk.length > 0) await sink.send(chunk);
    }
  } finally {
    sink.signal.removeEventListener('abort', close);
    close();
  }
}

/** Returns the formatter of a log: the engine's stream, with long lines in one piece. */
function formatter({
  selection: { timestamps, isTty },
  prefix = '',
}: LogSource): (line: LogLine) => Uint8Array {
  const unfinished = new Map<LogLine['stream'], string>();
  return (line) => {
    const { stamp, stream, partial = false } = line;
    const continues = prefix === '' && unfinished.get(stream) === stamp;
    if (partial) unfinished.set(stream, stamp);
    else unfinished.delete(stream);
    const text = Buffer.concat([
      Buffer.from(continues ? '' : `${timestamps ? `${stamp} ` : ''}${prefix}`),
      logBytes(line),
      Buffer.from(partial ? '' : isTty ? '\r\n' : '\n'),
    ]);
    return isTty ? text : multiplexed(stream, text);
  };
}

export const logRoutes: readonly Route[] = [
  {
    method: 'GET',
    pattern: /^\/containers\/(.+)\/logs$/u,
    right: readVisible,
    reveals: true,
    handler: logs,
  },
];
