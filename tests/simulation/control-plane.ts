import { Allocator } from '../../manager/allocator/allocator.js';
import type { Clock } from '../../manager/common/base/clock.js';
import type { Logger } from '../../manager/common/base/log.js';
import { jsonLogger } from '../../manager/common/base/log.js';
import { seededRandom } from '../../manager/common/base/random.js';
import { Dispatcher } from '../../manager/dispatcher/dispatcher.js';
import type { Connection } from '../../manager/common/protocol/transport-connection.js';
import { Orchestrator } from '../../manager/orchestrator/orchestrator.js';
import { Scheduler } from '../../manager/scheduler/scheduler.js';
import type { StoreBackend } from '../../manager/store/backend.js';
import { openStore } from '../../manager/store/open-store.js';
import type { Actor } from '../../manager/common/model/task-state.js';
import type { ClusterStore, Commit } from '../../manager/store/store.js';
import type { Machine } from './machine.js';
import type { FaultyParts } from './mutations.js';

export interface ControlPlaneOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly newId: () => string;
  readonly machineAt: (address: string) => Machine | undefined;
  readonly onCommit: (commit: Commit) => void;
  readonly onViolation: (message: string) => void;
  readonly strategy: 'spread' | 'binpack' | 'random';
  readonly openBackend: () => Promise<StoreBackend>;
  /** Faults built into this control plane on purpose. */
  readonly broken?: FaultyParts | undefined;
}

interface Room {
  start(): void | Promise<void>;
  stop(): Promise<void>;
}

/** The manager's real rooms over the real store. Can be stopped and restarted like the process. */
export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #log: Logger;
  #store: ClusterStore | undefined;
  /** Also set while the rooms start. */
  #open: ClusterStore | undefined;
  #dispatcher: Dispatcher | undefined;
  #rooms: readonly Room[] = [];
  readonly #connections = new Set<Connection>();

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    this.#log = jsonLogger(
      'info',
      (line) => {
        // Rules of the store that a room broke come to light here.
        if (/may not|internal|already exists|update out of sequence|no longer exists/.test(line)) {
          options.onViolation(line.trim());
        }
      },
      () => options.clock.now(),
    );
  }

  /** Undefined while the manager is down. */
  get store(): ClusterStore | undefined {
    return this.#store;
  }

  async start(): Promise<void> {
    const { clock, newId, strategy, onCommit, machineAt, openBackend, broken } = this.#options;
    const log = this.#log;
    const store = await openStore({ backend: await openBackend(), clock, log });
    store.watch((commit) => {
      onCommit(broken?.commit?.(commit) ?? commit);
    });
    const random = seededRandom(1);
    const randomBelow = (below: number): number => Math.floor(random() * below);
    const storeFor = (room: Actor): ClusterStore => broken?.store?.(store, room) ?? store;
    const dispatcher = new Dispatcher({
      store: storeFor('dispatcher'),
      clock,
      log,
      newId,
      clusterId: 'simulated',
      managers: [],
      probe: (address) => {
        const machine = machineAt(address);
        return Promise.resolve(machine?.powered === true && !machine.cut);
      },
    });
    this.#rooms = [
      dispatcher,
      new Orchestrator({ store: storeFor('orchestrator'), clock, log, newId }),
      new Allocator({ store: storeFor('allocator'), clock, log, randomBelow }),
      new Scheduler({ store: storeFor('scheduler'), clock, log, strategy, seed: 1 }),
    ];
    this.#open = store;
    try {
      for (const room of this.#rooms) await room.start();
    } catch {
      // The disk failed during the start: the process exits and is restarted.
      await this.stop();
      return;
    }
    this.#dispatcher = dispatcher;
    this.#store = store;
  }

  async stop(): Promise<void> {
    this.#dispatcher = undefined;
    const store = this.#open;
    this.#open = undefined;
    this.#store = undefined;
    const rooms = this.#rooms;
    this.#rooms = [];
    // The process exits, which closes every connection.
    for (const connection of this.#connections) connection.close(1006, 'manager exited');
    this.#connections.clear();
    await Promise.all(rooms.map((room) => room.stop()));
    await store?.close();
  }

  /** Connects a worker; returns false if no dispatcher is listening. */
  dial(machine: Machine, connection: Connection): boolean {
    if (this.#dispatcher === undefined) return false;
    this.#connections.add(connection);
    void this.#dispatcher.accept({
      path: '/v1/session',
      identity: { clusterId: 'simulated', role: 'worker', nodeId: machine.id },
      remote: 'simulated',
      accept: () => Promise.resolve(connection),
    });
    return true;
  }
}
