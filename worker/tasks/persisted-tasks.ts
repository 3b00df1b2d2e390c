import { dictionary, object, optional, orElse, string } from '../../manager/common/base/decode.js';
import type { Logger } from '../../manager/common/base/log.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import type { TaskStatus } from '../../manager/common/model/task.js';
import { taskStatus } from '../../manager/common/protocol/object-decoders.js';
import { DurableFile } from '../assignments/durable-file.js';
import type { Adoption } from './local-state.js';

interface PersistedState {
  readonly ended: Readonly<Record<string, TaskStatus>>;
  readonly adopted: Readonly<Record<string, Adoption>>;
}

const persistedState = object<PersistedState>({
  ended: orElse(dictionary(taskStatus), {}),
  adopted: orElse(
    dictionary(object<Adoption>({ containerId: string, finishedAt: optional(string) })),
    {},
  ),
});

/**
 * Persistent task state that containers do not carry: the end of tasks without a container, and
 * adopted containers.
 */
export class PersistedTasks {
  readonly #file: DurableFile<PersistedState>;
  readonly #ended = new Map<TaskId, TaskStatus>();
  readonly #adopted = new Map<TaskId, Adoption>();

  constructor(path: string, log: Logger) {
    this.#file = new DurableFile(path, persistedState, log);
  }

  async load(): Promise<void> {
    const kept = await this.#file.load();
    for (const [id, status] of Object.entries(kept?.ended ?? {})) {
      this.#ended.set(id as TaskId, status);
    }
    for (const [id, adoption] of Object.entries(kept?.adopted ?? {})) {
      this.#adopted.set(id as TaskId, adoption);
    }
  }

  of(taskId: TaskId): { ended?: TaskStatus; adopted?: Adoption } {
    const ended = this.#ended.get(taskId);
    const adopted = this.#adopted.get(taskId);
    return {
      ...(ended === undefined ? {} : { ended }),
      ...(adopted === undefined ? {} : { adopted }),
    };
  }

  /** The task that has adopted this container. */
  adopterOf(containerId: string): TaskId | undefined {
    for (const [id, adoption] of this.#adopted) if (adoption.containerId === containerId) return id;
    return undefined;
  }

  async end(taskId: TaskId, status: TaskStatus): Promise<void> {
    this.#ended.set(taskId, status);
    await this.#save();
  }

  async adopt(taskId: TaskId, adoption: Adoption): Promise<void> {
    // A container adopted twice belongs to the last task.
    const former = this.adopterOf(adoption.containerId);
    if (former !== undefined) this.#adopted.delete(former);
    this.#adopted.set(taskId, adoption);
    await this.#save();
  }

  async forget(taskId: TaskId): Promise<void> {
    const had = this.#ended.delete(taskId);
    if (this.#adopted.delete(taskId) || had) await this.#save();
  }

  async #save(): Promise<void> {
    await this.#file.save({
      ended: Object.fromEntries(this.#ended),
      adopted: Object.fromEntries(this.#adopted),
    });
  }
}
