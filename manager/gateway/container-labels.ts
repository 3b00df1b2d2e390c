import type { Labels } from '../common/model/meta.js';
import type { Task } from '../common/model/task.js';
import type { ClusterStore } from '../store/store.js';
import { placedContainer } from './find-container.js';
import { labelsOf } from './translate/labels.js';

/**
 * Labels of containers by ID, for events: an index instead of a search for each event of each
 * reader. Built on the first use, then kept current.
 */
export class ContainerLabels {
  readonly #store: Pick<ClusterStore, 'view' | 'watch'>;
  readonly #clusterId: string;
  #tasks: Map<string, Task['id']> | undefined;

  constructor(store: Pick<ClusterStore, 'view' | 'watch'>, clusterId: string) {
    this.#store = store;
    this.#clusterId = clusterId;
  }

  /** Undefined if the container does not exist. */
  get(containerId: string): Labels | undefined {
    this.#tasks ??= this.#index();
    const { view } = this.#store;
    const id = this.#tasks.get(containerId);
    const task = id === undefined ? undefined : view.get('tasks', id);
    const item = task === undefined ? undefined : placedContainer(view, task);
    return item === undefined ? undefined : labelsOf(item, this.#clusterId);
  }

  #index(): Map<string, Task['id']> {
    const tasks = new Map<string, Task['id']>();
    const add = ({ id, status }: Task): void => {
      if (status.containerId !== undefined) tasks.set(status.containerId, id);
    };
    for (const task of this.#store.view.list('tasks')) add(task);
    this.#store.watch(({ changes }) => {
      for (const change of changes) {
        if (change.table !== 'tasks') continue;
        const { before, after } = change;
        if (after !== undefined) add(after);
        else if (before !== undefined) this.#forget(tasks, before);
      }
    });
    return tasks;
  }

  /** A later task may have adopted the container. */
  #forget(tasks: Map<string, Task['id']>, { id, status: { containerId = '' } }: Task): void {
    if (tasks.get(containerId) === id) tasks.delete(containerId);
  }
}
