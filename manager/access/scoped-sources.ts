import type { ClientAccess } from '../common/model/trust/client.js';
import type { ClusterEvent } from '../common/protocol/control.js';
import type { StatsMessage } from '../common/protocol/statistics.js';
import type { ClusterStore } from '../store/store.js';
import { ScopedView } from './scoped-view.js';

type ReadableStore = Pick<ClusterStore, 'view' | 'watch'>;

/** Stored and live events with their project. */
interface EventSource {
  read(from: {
    readonly sinceMs?: number;
    readonly after?: number;
  }): readonly (readonly [ClusterEvent, string])[];
  listen(listener: (told: readonly [ClusterEvent, string]) => void): () => void;
}

interface StatisticsSource {
  read(): StatsMessage;
  subscribe(listener: (message: StatsMessage) => void): () => void;
}

/** The client's view if it is limited to projects; undefined if it sees the whole cluster. */
export function scopeOf(
  store: Pick<ClusterStore, 'view'>,
  access: ClientAccess,
): ScopedView | undefined {
  return access.projects.length === 0 ? undefined : new ScopedView(store.view, access.projects);
}

/** Reads of the store through a client's view; writes are those of the store. */
export function scopeStore(store: ReadableStore, scope: ScopedView): ReadableStore {
  return {
    view: scope,
    watch: (listener) =>
      store.watch((commit) => {
        const visible = scope.scope(commit);
        if (visible.changes.length > 0) listener(visible);
      }),
  };
}

/** Events of the client's projects and of objects without a project. */
export function scopeEvents(events: EventSource, scope: ScopedView): EventSource {
  return {
    read: (from) => events.read(from).filter(([, project]) => scope.includes(project)),
    listen: (listener) =>
      events.listen((told) => {
        if (scope.includes(told[1])) listener(told);
      }),
  };
}

/** Usage of the client's containers and of all machines. */
export function scopeStatistics(source: StatisticsSource, scope: ScopedView): StatisticsSource {
  const ofScope = (message: StatsMessage): StatsMessage => ({
    ...message,
    tasks: message.tasks.filter(({ taskId }) => scope.get('tasks', taskId) !== undefined),
  });
  return {
    read: () => ofScope(source.read()),
    subscribe: (listener) =>
      source.subscribe((message) => {
        listener(ofScope(message));
      }),
  };
}
