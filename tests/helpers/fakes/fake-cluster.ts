import type { Network, Volume } from '../../../manager/common/model/network.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import type {
  ControlCallMap,
  ControlCallName,
  ControlStreamMap,
  ControlStreamName,
  WatchMessage,
} from '../../../manager/common/protocol/control.js';
import type { MessageStream } from '../../../manager/common/protocol/worker-calls.js';
import type { ControlClient } from '../../../cli/client/client.js';
import { messagePair } from './message-pair.js';

export interface ClusterObjects {
  readonly services?: readonly Service[];
  readonly tasks?: readonly Task[];
  readonly nodes?: readonly Node[];
  readonly networks?: readonly Network[];
  readonly volumes?: readonly Volume[];
}

export interface RecordedCall {
  readonly name: ControlCallName;
  readonly args: unknown;
}

type Answers = {
  [Name in ControlCallName]?: (
    args: ControlCallMap[Name]['args'],
    cluster: FakeCluster,
  ) => ControlCallMap[Name]['result'];
};

/**
 * A manager's control API for a client: lists the test's objects, answers other calls with the
 * test's functions, records every call.
 */
export class FakeCluster implements ControlClient {
  readonly cluster = 'fake';
  readonly calls: RecordedCall[] = [];
  readonly #objects: Required<ClusterObjects>;
  readonly #answers: Answers;
  readonly #watchers: MessageStream[] = [];
  /** The server ends of streams other than `watch`, by name. */
  readonly streams = new Map<ControlStreamName, MessageStream>();

  constructor(objects: ClusterObjects = {}, answers: Answers = {}) {
    this.#objects = { services: [], tasks: [], nodes: [], networks: [], volumes: [], ...objects };
    this.#answers = answers;
  }

  async call<Name extends ControlCallName>(
    name: Name,
    args: ControlCallMap[Name]['args'],
  ): Promise<ControlCallMap[Name]['result']> {
    await Promise.resolve();
    this.calls.push({ name, args });
    const answer = this.#answers[name] as
      ((args: unknown, cluster: FakeCluster) => ControlCallMap[Name]['result']) | undefined;
    if (answer !== undefined) return answer(args, this);
    const listed = this.#list(name);
    if (listed !== undefined) return listed;
    if (name === 'image.record') {
      return { isRecorded: true } as ControlCallMap[Name]['result'];
    }
    if (name === 'image.pin') return {};
    throw new Error(`the test has no answer for ${name}`);
  }

  async open<Name extends ControlStreamName>(
    name: Name,
    _args: ControlStreamMap[Name]['args'],
    signal: AbortSignal,
  ): Promise<MessageStream> {
    const [near, far] = messagePair();
    signal.addEventListener('abort', () => {
      near.close();
    });
    if (name === 'watch') {
      this.#watchers.push(far);
      await far.send(JSON.stringify({ kind: 'snapshot', ...this.#objects }));
    } else {
      this.streams.set(name, far);
    }
    return near;
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
  }

  /** Sends a change to every watcher. */
  async push(message: WatchMessage): Promise<void> {
    for (const watcher of this.#watchers)
      await watcher.send(JSON.stringify(message)).catch(() => 0);
  }

  /** Arguments of the last call with that name. */
  lastArgs<Name extends ControlCallName>(name: Name): ControlCallMap[Name]['args'] | undefined {
    const found = this.calls.findLast((call) => call.name === name);
    return found?.args as ControlCallMap[Name]['args'] | undefined;
  }

  #list(name: ControlCallName): unknown {
    switch (name) {
      case 'service.list':
        return this.#objects.services;
      case 'task.list':
        return this.#objects.tasks;
      case 'node.list':
        return this.#objects.nodes;
      case 'network.list':
        return this.#objects.networks;
      case 'volume.list':
        return this.#objects.volumes;
      default:
        return undefined;
    }
  }
}
