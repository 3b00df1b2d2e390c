import { AppError } from '../../common/base/errors.js';
import type { TaskId } from '../../common/model/ids.js';
import type { StatsMessage } from '../../common/protocol/statistics.js';
import type { MessageStream } from '../../common/protocol/worker-calls.js';
import type { StoreView } from '../../store/store.js';
import type { ControlStreams } from './stream-context.js';

/** What of a message concerns one project; nodes concern every one. */
function ofProject(view: StoreView, project: string, message: StatsMessage): StatsMessage {
  const isOf = (taskId: TaskId): boolean => view.get('tasks', taskId)?.project === project;
  return { ...message, tasks: message.tasks.filter(({ taskId }) => isOf(taskId)) };
}

/**
 * Sends one message at a time. What comes meanwhile is left out and made good by a snapshot, so that a
 * slow reader costs no memory.
 */
class Latest {
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
      this.#fail(new AppError('unavailable', 'the client has gone'));
    } finally {
      this.#sending = false;
    }
  }
}

/** Everything known, then each second what has changed. */
export const stats: ControlStreams['stats'] = async (context, args, { stream, ended }) => {
  const project = args.optionalText('project');
  const only = (message: StatsMessage): StatsMessage =>
    project === undefined ? message : ofProject(context.store.view, project, message);
  const latest = new Latest(stream, () => only(context.statistics.read()));
  const stop = context.statistics.subscribe((message) => {
    latest.push(only(message));
  });
  try {
    const failure = await Promise.race([ended, latest.failed]);
    if (failure !== undefined) throw failure;
  } finally {
    stop();
  }
};
