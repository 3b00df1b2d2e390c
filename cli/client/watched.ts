import type { Network, Volume } from '../../manager/common/model/network.js';
import type { Node } from '../../manager/common/model/node.js';
import type { Service } from '../../manager/common/model/service.js';
import type { Task } from '../../manager/common/model/task.js';
import type {
  WatchMessage,
  WatchObject,
  WatchTable,
} from '../../manager/common/protocol/control.js';

/** The client's replica of a project's objects and the nodes, by id. */
export interface WatchedState {
  readonly services: ReadonlyMap<string, Service>;
  readonly tasks: ReadonlyMap<string, Task>;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly networks: ReadonlyMap<string, Network>;
  readonly volumes: ReadonlyMap<string, Volume>;
}

export const emptyWatchedState: WatchedState = {
  services: new Map(),
  tasks: new Map(),
  nodes: new Map(),
  networks: new Map(),
  volumes: new Map(),
};

function byId<T extends { readonly id: string }>(objects: readonly T[]): ReadonlyMap<string, T> {
  return new Map(objects.map((object) => [object.id, object]));
}

/** Returns the state after a message; does not modify `state`. */
export function applyWatch(state: WatchedState, message: WatchMessage): WatchedState {
  switch (message.kind) {
    case 'snapshot':
      return {
        services: byId(message.services),
        tasks: byId(message.tasks),
        nodes: byId(message.nodes),
        networks: byId(message.networks),
        volumes: byId(message.volumes),
      };
    case 'put':
      return change(state, message.table, (objects) =>
        objects.set(message.object.id, message.object),
      );
    case 'remove':
      return change(state, message.table, (objects) => objects.delete(message.id));
  }
}

function change(
  state: WatchedState,
  table: WatchTable,
  edit: (objects: Map<string, WatchObject>) => unknown,
): WatchedState {
  // Secrets and configs are sent only to clients that subscribe to them; this replica does not hold
  // them.
  if (table === 'secrets' || table === 'configs') return state;
  const objects = new Map<string, WatchObject>(state[table]);
  edit(objects);
  return { ...state, [table]: objects };
}
