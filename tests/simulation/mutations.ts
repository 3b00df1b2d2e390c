import type { Lease } from '../../manager/common/model/network.js';
import { isWanted } from '../../manager/store/slots.js';
import type { Task } from '../../manager/common/model/task.js';
import type { Actor } from '../../manager/common/model/task-state.js';
import { isAssigned, isTerminal } from '../../manager/common/model/task-state.js';
import type { StoreBackend } from '../../manager/store/backend.js';
import type { KvClient } from '../../manager/store/consul/client.js';
import { isUnknownOutcome } from '../../manager/store/consul/errors.js';
import type { ClusterStore, Commit } from '../../manager/store/store.js';
import { placementOf } from '../helpers/decisions/scheduler-input.js';
import type { StoreOverride } from './broken-store.js';
import { withOverride, UncheckedStore } from './broken-store.js';

/** Replacements for parts of a control plane that misbehave on purpose. */
export interface FaultyParts {
  /** The store for one room; undefined for the real one. */
  readonly store?: (store: ClusterStore, room: Actor) => ClusterStore | undefined;
  readonly backend?: (backend: StoreBackend) => StoreBackend;
  readonly client?: (client: KvClient) => KvClient;
  /** Corrects the actor of a commit that was written under another one. */
  readonly commit?: (commit: Commit) => Commit;
}

/** A plausible mistake that the simulation must detect. */
export interface Mutation {
  readonly name: string;
  /** Matches the violation that reveals the mistake. */
  readonly violation: RegExp;
  /** The first seed to try, one that reveals it. */
  readonly firstSeed?: number;
  readonly make: (random: () => number) => FaultyParts;
}

/** Seeds from here on have services with anonymous volumes. */
export const firstVolumeSeed = 300_001;

export const mutations: readonly Mutation[] = [
  {
    name: 'an allocator that ignores existing leases',
    violation: /both run with \d/,
    make: () => inRoom('allocator', blindToLeases),
  },
  {
    name: 'an orchestrator that does not fence the addresses of a lost node',
    violation: /both run with \d/,
    firstSeed: 284,
    make: () => inRoom('orchestrator', withoutFences),
  },
  {
    name: 'a scheduler that ignores host ports in use',
    violation: /has two tasks on one host port/,
    make: () =>
      inRoom('scheduler', (real) =>
        placing(real, (task) => (isPlaced(task) ? withSpec(task, { ports: [] }) : task)),
      ),
  },
  {
    name: 'a scheduler that ignores reserved resources',
    violation: /more memory reserved/,
    firstSeed: 12,
    make: () =>
      inRoom('scheduler', (real) =>
        placing(real, (task) => (isPlaced(task) ? withSpec(task, nothingReserved) : task)),
      ),
  },
  {
    name: 'a scheduler that forgets the nodes of volumes',
    violation: /^\S+ volume .* (is|used) on/,
    make: () =>
      inRoom('scheduler', (real) => ({
        volumeByName: (name) => {
          const volume = real.volumeByName(name);
          return volume === undefined ? undefined : { ...volume, nodeIds: [] };
        },
      })),
  },
  {
    name: 'a scheduler that forgets anonymous volumes',
    violation: /leaves the anonymous volume/,
    firstSeed: firstVolumeSeed,
    make: () =>
      inRoom('scheduler', (real) =>
        placing(real, (task) =>
          task.nodeId === undefined
            ? task
            : withSpec(task, { container: { ...task.spec.container, mounts: [] } }),
        ),
      ),
  },
  {
    name: 'a scheduler that ignores pods',
    violation: /is not on the node of its leader/,
    firstSeed: 17,
    make: () =>
      inRoom('scheduler', (real) =>
        placing(real, (task) => withSpec(task, { container: alone(task) })),
      ),
  },
  {
    name: 'an orchestrator that does not wait for stopped tasks to end',
    violation: /still ran in its slot/,
    make: () => inRoom('orchestrator', blindToLeaving),
  },
  {
    name: 'a dispatcher that treats a stop request as the end of a task',
    violation: /both run in slot/,
    firstSeed: 70,
    make: () => {
      const lawless = new UncheckedStore();
      return {
        store: (store, room) =>
          room === 'dispatcher' ? lawless.store(store, endingAtOnce) : undefined,
        commit: (commit) => lawless.restoreActor(commit),
      };
    },
  },
  {
    name: 'an orchestrator that sets the final state of tasks itself',
    violation: /was moved to shutdown by orchestrator/,
    make: () => {
      const lawless = new UncheckedStore();
      return {
        store: (store, room) =>
          room === 'orchestrator' ? lawless.store(store, endingAtOnce) : undefined,
        commit: (commit) => lawless.restoreActor(commit),
      };
    },
  },
  {
    name: 'a dispatcher that believes every report',
    violation: /went back to/,
    make: () => {
      const lawless = new UncheckedStore();
      return {
        store: (store, room) =>
          room === 'dispatcher' ? lawless.store(store, credulous) : undefined,
        commit: (commit) => lawless.restoreActor(commit),
      };
    },
  },
  {
    name: 'an orchestrator that removes a service before its tasks',
    violation: /has no service/,
    make: () =>
      inRoom('orchestrator', (real) => ({
        tasksOfService: (id) =>
          real.get('services', id)?.removing === true ? [] : real.tasksOfService(id),
      })),
  },
  {
    name: 'an orchestrator that ignores dependencies',
    violation: /before its dependencies are met/,
    make: () =>
      inRoom('orchestrator', (real) => ({
        get: (table, id) => {
          const object = real.get(table, id);
          const isWaiting = table === 'services' && object !== undefined;
          return isWaiting ? { ...object, dependenciesMet: true } : object;
        },
      })),
  },
  {
    name: 'a dispatcher that forgets the tasks of a removed node',
    violation: /not settled/,
    firstSeed: 129,
    make: () =>
      inRoom('dispatcher', (real) => ({
        tasksOfNode: (id) => (real.get('nodes', id) === undefined ? [] : real.tasksOfNode(id)),
      })),
  },
  {
    name: 'an orchestrator that reruns completed jobs',
    violation: /does not converge/,
    firstSeed: 18,
    make: () => inRoom('orchestrator', restless),
  },
  {
    name: 'a disk that acknowledges writes that it loses',
    violation: /was acknowledged and is/,
    make: (random) => ({ backend: (backend) => forgetful(backend, random) }),
  },
  {
    name: 'a store that treats an uncertain write as committed',
    violation: /was acknowledged and is|never acknowledged|writes of one batch/,
    make: () => ({ client: optimistic }),
  },
  {
    name: 'a leader that writes without its fence',
    violation: /was acknowledged and is|never acknowledged|writes of one batch/,
    make: () => ({ client: unfenced }),
  },
];

function inRoom(name: Actor, bend: StoreOverride): FaultyParts {
  return { store: (store, room) => (room === name ? withOverride(store, bend) : undefined) };
}

/** Overrides the facts that placements depend on. */
function placing(
  real: Parameters<StoreOverride>[0],
  transform: (task: Task) => Task,
): ReturnType<StoreOverride> {
  return {
    get placement() {
      return placementOf(real.list('tasks').map(transform));
    },
  };
}

function isPlaced({ status }: Task): boolean {
  return isAssigned(status.state);
}

function withSpec(task: Task, changes: Partial<Task['spec']>): Task {
  return { ...task, spec: { ...task.spec, ...changes } };
}

const nothingReserved = {
  resources: { limits: {}, reservations: { nanoCpus: 0, memoryBytes: 0 } },
} as const;

function alone({ spec }: Task): Task['spec']['container'] {
  const {
    pidService: _pid,
    ipcService: _ipc,
    volumesFrom: _volumes,
    ...container
  } = spec.container;
  return { ...container, networkMode: { kind: 'networks' } };
}

const blindToLeases: StoreOverride = (real) => ({
  leasesOfNetwork: () => [],
  get: (table, id) => (table === 'leases' ? undefined : real.get(table, id)),
  create: (table, object) => {
    const known = real.get(table, (object as unknown as Lease).id);
    if (table !== 'leases' || known === undefined) return real.create(table, object);
    return real.put(table, { ...known, holder: (object as unknown as Lease).holder });
  },
});

const withoutFences: StoreOverride = (real) => ({
  put: (table, object) => {
    const { holder } = object as unknown as Lease;
    if (table !== 'leases' || holder.kind !== 'fenced') return real.put(table, object);
    real.remove(table, object.id);
    return object;
  },
});

const blindToLeaving: StoreOverride = (real) => ({
  tasksOfService: (id) =>
    real.tasksOfService(id).filter((task) => isWanted(task) || isTerminal(task.status.state)),
});

const endingAtOnce: StoreOverride = (real) => ({
  put: (table, object) => {
    if (table !== 'tasks') return real.put(table, object);
    const task = object as unknown as Task;
    const ends = task.desired === 'shutdown' && isAssigned(task.status.state);
    const status = { ...task.status, state: 'shutdown' };
    return real.put(table, ends ? { ...object, status } : object);
  },
});

const credulous: StoreOverride = (real) => ({
  get: (table, id) => {
    const object = real.get(table, id);
    const task = object as unknown as Task;
    if (table !== 'tasks' || object === undefined || !isPlaced(task)) return object;
    return { ...object, status: { ...task.status, state: 'assigned' } };
  },
});

const restless: StoreOverride = (real) => ({
  tasksOfService: (id) =>
    real
      .tasksOfService(id)
      .map((task) =>
        task.status.state === 'complete'
          ? { ...task, status: { ...task.status, state: 'orphaned' as const } }
          : task,
      ),
});

/** Loses a batch now and then without an error. */
function forgetful(backend: StoreBackend, random: () => number): StoreBackend {
  return {
    name: backend.name,
    load: () => backend.load(),
    commit: (writes) => (random() < 0.02 ? Promise.resolve() : backend.commit(writes)),
    close: () => backend.close(),
  };
}

function optimistic(client: KvClient): KvClient {
  return over(client, {
    transact: async (operations) => {
      try {
        return await client.transact(operations);
      } catch (error) {
        if (!isUnknownOutcome(error)) throw error;
        return new Map();
      }
    },
  });
}

function unfenced(client: KvClient): KvClient {
  return over(client, {
    transact: (operations) =>
      client.transact(
        operations.flatMap((operation) => {
          if (operation.verb === 'check-index') return [];
          if (operation.verb === 'cas' && 'value' in operation) {
            return [{ ...operation, verb: 'set' as const }];
          }
          return operation.verb === 'delete-cas'
            ? [{ ...operation, verb: 'delete' as const }]
            : [operation];
        }),
      ),
  });
}

function over(client: KvClient, changes: Partial<KvClient>): KvClient {
  return {
    checkVersion: () => client.checkVersion(),
    close: () => {
      client.close();
    },
    transact: (operations) => client.transact(operations),
    get: (key) => client.get(key),
    keys: (prefix) => client.keys(prefix),
    list: (prefix) => client.list(prefix),
    ...changes,
  };
}
