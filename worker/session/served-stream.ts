import type { PassThrough } from 'node:stream';
import type { Fields } from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import type { NodeCounters } from '../../manager/common/protocol/statistics.js';
import type {
  MessageStream,
  WorkerStreamRequest,
} from '../../manager/common/protocol/worker-calls.js';
import type { EngineHealth } from '../executor/engine-health.js';
import type { EngineInterfaces, RunningProcess } from '../executor/executor.js';
import type { TaskSet } from '../tasks/task-set.js';

/** Open exec and attach processes by stream id. */
export class OpenProcesses {
  readonly #open = new Map<string, RunningProcess>();

  add(streamId: string, process: RunningProcess): void {
    this.#open.set(streamId, process);
  }

  delete(streamId: string): void {
    this.#open.delete(streamId);
  }

  async resize(
    streamId: string,
    columns: number,
    rows: number,
    signal: AbortSignal,
  ): Promise<void> {
    const process = this.#open.get(streamId);
    if (process === undefined)
      throw new AppError('not-found', `stream ${streamId} is not open on this node`);
    await process.resize(columns, rows, signal);
  }
}

export interface StreamDependencies {
  readonly engine: Pick<EngineInterfaces, 'containers' | 'access' | 'transfer' | 'requests'> & {
    readonly health: Pick<EngineHealth, 'whileAnswering'>;
  };
  readonly tasks: TaskSet;
  readonly processes: OpenProcesses;
  readonly log: Logger;
  readonly counters?: () => NodeCounters | undefined;
}

export interface OpenedStream {
  readonly streamId: string;
  readonly stream: MessageStream;
  /** The manager's request as received: what cannot be served is answered on the stream. */
  readonly request: Fields;
}

/** A stream being served, with its input and its abort signal. */
export interface ServedStream {
  readonly streamId: string;
  readonly stream: MessageStream;
  readonly request: WorkerStreamRequest;
  readonly input: PassThrough;
  readonly signal: AbortSignal;
}
