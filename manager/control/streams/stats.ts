import { AppError } from '../../common/base/errors.js';
import type { TaskId } from '../../common/model/ids.js';
import type { StatsMessage } from '../../common/protocol/statistics.js';
import type { MessageStream } from '../../common/protocol/worker-calls.js';
import type { StoreView } from '../../store/store.js';
import type { ControlStreams } from './stream-context.js';

/** Filters a message for one project; node statistics are kept. */
function ofProject(view: StoreView, project: string, message: StatsMessage): StatsMessage {
  const belongs = (taskId: TaskId): boolean => view.get('tasks', taskId)?.project === project;
  return { ...message, tasks: message.tasks.filter(({ taskId }) => belongs(taskId)) };
}

/**
 * Sends one message at a time. Messages that arrive during a send are dropped and replaced by one
 * snapshot afterwards, so a slow reader uses no memory.
 */
class LatestSender {
  readonly #stream: MessageStream;
  readonly #catchUp: () => StatsMessage;
  #sending = false;
  #behind = false;
  #fail: (error: AppError) => void = () => undefined;
  readonly failed: Promise<AppError>;

  constructor(stream: MessageStream, catchUp: () => StatsMessage) {
    this.#stream = stream;
    this.#catchUp = catchUp;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  push(message: StatsMessage): void {
    if (this.#sending) this.#behind = true;
    else void this.#send(message);
  }

  async #send(first: StatsMessage): Promise<void> {
    this.#sending = true;
    try {
      await this.#stream.send(JSON.stringify(first));
      while (this.#behind) {
        this.#behind = false;
        await this.#stream.send(JSON.stringify(this.#catchUp()));
      }
    } catch {
      this.#fail(new AppError('unavailable', 'stream: client disconnected'));
    } finally {
      this.#sending = false;
    }
  }
}

/** Sends a full snapshot, then the changes each second. */
export const statsStream: ControlStreams['stats'] = async (context, args, { stream, ended }) => {
  const project = args.optionalText('project');
  const filter = (message: StatsMessage): StatsMessage =>
    project === undefined ? message : ofProject(context.store.view, project, message);
  const latest = new LatestSender(stream, () => filter(context.statistics.read()));
  const stop = context.statistics.subscribe((message) => {
    latest.push(filter(message));
  });
  try {
    const failure = await Promise.race([ended, latest.failed]);
    if (failure !== undefined) throw failure;
  } finally {
    stop();
  }
};
