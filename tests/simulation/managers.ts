import type { Connection } from '../../manager/common/protocol/transport-connection.js';
import { openConsul } from '../../manager/store/consul/consul.js';
import type { ClusterStore } from '../../manager/store/store.js';
import type { Link } from './consul.js';
import { SimulatedConsul } from './consul.js';
import type { ControlPlaneOptions } from './control-plane.js';
import { ControlPlane } from './control-plane.js';
import { Ledger } from './ledger.js';
import type { Machine } from './machine.js';
import type { Faults } from './slow-disk.js';

export type ManagersOptions = Omit<ControlPlaneOptions, 'openBackend'> & Faults;

const lockKey = 'shoal/simulated/leader';
const tickMs = 150;
/** A leader that Consul has not heard for this long steps down. */
const silentMs = 3_000;

interface Manager {
  readonly name: string;
  link: Link;
  powered: boolean;
  plane: ControlPlane | undefined;
  /** True while it starts or stops. */
  busy: boolean;
}

/**
 * Managers that share a store in Consul and elect a leader with its lock: the real backend with its
 * journal and fence under the real rooms. They crash in mid-write, are cut off from Consul while
 * workers still reach them, and come back.
 */
export class Managers {
  readonly #options: ManagersOptions;
  readonly #consul: SimulatedConsul;
  readonly #managers: readonly Manager[];
  readonly #ledger: Ledger;
  /** The most recent leader. */
  #last: Manager | undefined;
  #stopped = false;
  #ticking = false;

  constructor(options: ManagersOptions, count: number) {
    this.#options = options;
    this.#consul = new SimulatedConsul(options);
    this.#ledger = new Ledger(options.onViolation);
    this.#managers = Array.from({ length: count }, (_, at) => {
      const name = `manager-${at + 1}`;
      return { name, link: this.#consul.link(), powered: true, plane: undefined, busy: false };
    });
  }

  /** The store of the manager that holds the lock in Consul; undefined while there is none. */
  get store(): ClusterStore | undefined {
    return this.#leader()?.plane?.store;
  }

  /** Resolves once a manager leads. */
  async start(): Promise<void> {
    this.#stopped = false;
    for (const manager of this.#managers) this.#boot(manager);
    if (!this.#ticking) this.#tick();
    while (this.store === undefined) await this.#wait(tickMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const manager of this.#managers) await this.#end(manager);
  }

  dial(machine: Machine, connection: Connection): boolean {
    const leaders = this.#managers.filter(({ plane }) => plane !== undefined);
    return leaders.some(({ plane }) => plane?.dial(machine, connection) === true);
  }

  /** Injects a random fault into Consul or one manager. Returns its description for the history. */
  injectFault(): string {
    const { random, clock, tally } = this.#options;
    const draw = random();
    const manager =
      draw < 0.7
        ? (this.#leader() ?? this.#managers[0])
        : this.#managers[Math.floor(random() * this.#managers.length)];
    if (manager === undefined) return 'nothing happens';
    const durationMs = 200 + random() * 12_000;
    const kind = random();
    if (kind < 0.15) {
      tally.record('consul lost its leader');
      this.#consul.leaderless = true;
      clock.after(durationMs / 2, () => {
        this.#consul.leaderless = false;
      });
      return 'consul has no leader';
    }
    if (kind < 0.5) {
      tally.record('manager crashed');
      this.#crash(manager);
      clock.after(durationMs, () => {
        this.#boot(manager);
      });
      return `${manager.name} crashes`;
    }
    tally.record('manager was cut off from consul');
    manager.link.cut = true;
    clock.after(durationMs, () => {
      manager.link.cut = false;
    });
    return `${manager.name} is cut off from consul`;
  }

  /** Ends every fault: all managers run and reach Consul. */
  heal(): void {
    this.#consul.leaderless = false;
    for (const manager of this.#managers) {
      manager.link.cut = false;
      this.#boot(manager);
    }
  }

  #leader(): Manager | undefined {
    const holder = this.#consul.holder(lockKey);
    return this.#managers.find(({ link, plane }) => link === holder && plane?.store !== undefined);
  }

  #boot(manager: Manager): void {
    if (manager.powered) return;
    manager.powered = true;
    manager.link = this.#consul.link();
  }

  /**
   * Kills the process without releasing the lock; writes in flight may or may not be carried out.
   */
  #crash(manager: Manager): void {
    if (!manager.powered) return;
    manager.powered = false;
    manager.link.cut = true;
    void this.#end(manager);
  }

  #tick(): void {
    this.#ticking = true;
    this.#options.clock.after(tickMs, () => {
      if (this.#stopped) {
        this.#ticking = false;
        return;
      }
      for (const manager of this.#managers) this.#check(manager);
      this.#tick();
    });
  }

  #check(manager: Manager): void {
    const now = this.#options.clock.now();
    const { link, plane } = manager;
    if (manager.powered && !link.cut) link.heardAt = now;
    if (!manager.powered || manager.busy) return;
    if (plane !== undefined) {
      const lost = !link.cut && this.#consul.holder(lockKey) !== link;
      if (lost || now - link.heardAt > silentMs) void this.#end(manager);
      return;
    }
    if (link.cut) return;
    const index = this.#consul.acquire(lockKey, link);
    if (index !== undefined) void this.#lead(manager, index);
  }

  async #lead(manager: Manager, index: number): Promise<void> {
    manager.busy = true;
    const { link } = manager;
    const { broken } = this.#options;
    if (this.#last !== undefined && this.#last !== manager) {
      this.#options.tally.record('leader changed');
    }
    this.#last = manager;
    const plane = new ControlPlane({
      ...this.#options,
      onCommit: (commit) => {
        if (this.#leader() === manager) this.#options.onCommit(commit);
      },
      openBackend: async () => {
        const backend = await openConsul({
          client: broken?.client?.(link) ?? link,
          prefix: 'shoal',
          cluster: { id: 'simulated', name: 'simulated' },
          owner: manager.name,
          lock: { key: lockKey, index },
        });
        void backend.lost?.then(() => {
          if (manager.plane === plane) void this.#end(manager);
        });
        return this.#ledger.watch(backend);
      },
    });
    manager.plane = plane;
    try {
      await plane.start();
    } catch {
      // Consul did not answer, or another manager was faster.
    }
    manager.busy = false;
    if (plane.store === undefined || !manager.powered) await this.#end(manager);
  }

  async #end(manager: Manager): Promise<void> {
    const { plane } = manager;
    if (plane === undefined) return;
    manager.plane = undefined;
    if (!manager.link.cut) this.#consul.release(lockKey, manager.link);
    await plane.stop();
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(ms, resolve);
    });
  }
}
