import { seededRandom } from '../../manager/common/base/random.js';
import { messageOf } from '../../manager/common/base/errors.js';
import type { Service } from '../../manager/common/model/service.js';
import type { Commit } from '../../manager/store/store.js';
import { Checks } from './checks.js';
import { ControlPlane } from './control-plane.js';
import { Ledger } from './ledger.js';
import { Machine } from './machine.js';
import type { ManagersOptions } from './managers.js';
import { Managers } from './managers.js';
import type { Mutation } from './mutations.js';
import { firstVolumeSeed } from './mutations.js';
import { unconverged } from './convergence.js';
import { SlowDisk } from './slow-disk.js';
import { Tally } from './tally.js';
import { randomAction, repairSpecs } from './user.js';
import { settle, VirtualClock } from './virtual-clock.js';

export interface SimulationResult {
  readonly seed: number;
  /** Violated invariants with their time; empty if the run passed. */
  readonly violations: readonly string[];
  /** Number of events of the virtual clock. */
  readonly steps: number;
  readonly commits: number;
  readonly history: readonly string[];
  /** How often each event occurred. */
  readonly tally: Tally;
}

const faultsMs = 90_000;
/** Longer than the longest stop, a fence and the longest retry delay together. */
const recoveryMs = 400_000;
const secondLookMs = 60_000;
const quietMs = 60_000;
const gib = 2 ** 30;

/**
 * Runs the whole control plane against machines that fail. The same seed gives the same run. A
 * mutation breaks one part on purpose.
 */
export async function simulate(seed: number, mutation?: Mutation): Promise<SimulationResult> {
  const run = new Simulation(seed, mutation);
  await run.play();
  return run.result();
}

class Simulation {
  readonly #seed: number;
  readonly #random: () => number;
  readonly #clock = new VirtualClock();
  readonly #machines = new Map<string, Machine>();
  readonly #violations: string[] = [];
  readonly #history: string[] = [];
  readonly #plane: ControlPlane | Managers;
  readonly #checks: Checks;
  readonly #tally = new Tally();
  #ids = 0;
  #steps = 0;
  #moves = 0;
  #commits = 0;
  #taskCommits = 0;
  #faults = true;

  constructor(seed: number, mutation: Mutation | undefined) {
    this.#seed = seed;
    this.#random = seededRandom(seed);
    const onViolation = (message: string): void => {
      if (this.#violations.length < 20) this.#violations.push(`${this.#clock.now()} ${message}`);
    };
    this.#checks = new Checks(onViolation);
    const strategies = ['spread', 'spread', 'binpack', 'random'] as const;
    this.#plane = this.#makePlane({
      clock: this.#clock,
      random: this.#random,
      newId: () => this.#newId(),
      mayFail: () => this.#faults,
      machineAt: (address) =>
        [...this.#machines.values()].find((machine) => machine.options.address === address),
      onCommit: (commit) => {
        this.#note(commit);
      },
      onViolation,
      strategy: strategies[Math.floor(this.#random() * strategies.length)] ?? 'spread',
      tally: this.#tally,
      broken: mutation?.make(this.#random),
    });
    const count = 2 + Math.floor(this.#random() * 4);
    for (let at = 1; at <= count; at += 1) this.#addMachine(onViolation);
  }

  /** Even seeds run several managers on Consul, odd seeds one manager with its own disk. */
  #makePlane(options: ManagersOptions): ControlPlane | Managers {
    if (this.#seed % 2 === 0) return new Managers(options, 2 + Math.floor(this.#random() * 2));
    const disk = new SlowDisk(options);
    const ledger = new Ledger(options.onViolation);
    const backend = options.broken?.backend?.(disk) ?? disk;
    return new ControlPlane({
      ...options,
      openBackend: () => Promise.resolve(ledger.watch(backend)),
    });
  }

  result(): SimulationResult {
    return {
      seed: this.#seed,
      violations: this.#violations,
      steps: this.#steps,
      commits: this.#commits,
      history: this.#history,
      tally: this.#tally,
    };
  }

  async play(): Promise<void> {
    await this.#pump(this.#plane.start());
    for (const machine of this.#machines.values()) machine.boot();
    const faultsEnd = this.#clock.now() + faultsMs;
    while (this.#clock.now() < faultsEnd && this.#violations.length === 0) {
      await this.#advance(Math.floor(this.#random() * 3_000));
      await this.#disturb();
    }
    this.#faults = false;
    this.#heal();
    await this.#calmDown();
    // Failures that an update counted before this point may still roll it back.
    await this.#advance(secondLookMs);
    await this.#calmDown();
    await this.#advance(recoveryMs);
    this.#checkSettled();
    const before = this.#taskCommits;
    await this.#advance(quietMs);
    if (this.#taskCommits > before) this.#violations.push('the cluster does not converge');
    this.#checkSettled();
    await this.#pump(this.#plane.stop());
    // The next process to open the store must find everything that was acknowledged.
    await this.#pump(this.#plane.start());
    await this.#pump(this.#plane.stop());
  }

  #checkSettled(): void {
    const { store } = this.#plane;
    if (store === undefined) {
      this.#violations.push('the manager is down');
      return;
    }
    const machines = [...this.#machines.values()];
    for (const line of unconverged(store.view, machines))
      this.#violations.push(`not settled: ${line}`);
  }

  #addMachine(onViolation: (message: string) => void): Machine {
    const at = this.#machines.size + 1;
    const machine = new Machine({
      id: `node-${at}`,
      address: `192.0.2.${at}`,
      memoryBytes: (2 + (at % 3)) * gib,
      clock: this.#clock,
      random: this.#random,
      newId: () => this.#newId(),
      tally: this.#tally,
      dial: (from, connection) => this.#plane.dial(from, connection),
      onViolation,
      mayFail: () => this.#faults,
    });
    this.#machines.set(machine.id, machine);
    return machine;
  }

  async #disturb(): Promise<void> {
    const machines = [...this.#machines.values()];
    const machine = machines[Math.floor(this.#random() * machines.length)];
    const draw = this.#random();
    if (this.#plane instanceof Managers && this.#random() < 0.25) {
      this.#record(this.#plane.injectFault());
    } else if (machine === undefined || draw < 0.55) {
      await this.#act();
    } else if (draw < 0.92) {
      this.#record(`${machine.id} ${disturbMachine(machine, this.#random)}`);
    } else if (this.#plane instanceof Managers) {
      this.#record(this.#plane.injectFault());
    } else {
      this.#record('the manager restarts');
      this.#tally.record('manager restarted');
      await this.#pump(this.#plane.stop());
      await this.#advance(Math.floor(this.#random() * 8_000));
      await this.#startPlane();
    }
  }

  async #act(): Promise<void> {
    const { store } = this.#plane;
    if (store === undefined) {
      await this.#startPlane();
      return;
    }
    const act = randomAction({
      random: this.#random,
      newId: () => this.#newId(),
      tally: this.#tally,
      anonymousVolumes: this.#seed >= firstVolumeSeed,
    });
    try {
      await this.#pump(store.update('control', act));
    } catch (error) {
      this.#record(`refused: ${messageOf(error)}`);
    }
  }

  async #startPlane(): Promise<void> {
    while (this.#plane.store === undefined) await this.#pump(this.#plane.start());
  }

  #heal(): void {
    this.#record('faults end');
    if (this.#plane instanceof Managers) this.#plane.heal();
    for (const machine of this.#machines.values()) {
      machine.cut = false;
      machine.boot();
      // A new session replaces stale reports.
      machine.resetConnection();
    }
  }

  /** Retried, because the manager may lose its store during the call. */
  async #calmDown(): Promise<void> {
    for (let left = 20; left > 0; left -= 1) {
      await this.#startPlane();
      try {
        await this.#pump(this.#plane.store?.update('control', repairSpecs) ?? Promise.resolve());
        return;
      } catch (error) {
        this.#record(`refused: ${messageOf(error)}`);
        await this.#advance(1_000);
      }
    }
    this.#violations.push('the store accepts no writes');
  }

  async #advance(durationMs: number): Promise<void> {
    const end = this.#clock.now() + durationMs;
    while (this.#violations.length === 0) {
      await settle();
      if (!this.#clock.step(end)) return;
      this.#steps += 1;
      this.#checkMachines();
    }
  }

  /** Advances the clock until `work` settles. */
  async #pump<Result>(work: Promise<Result>): Promise<Result> {
    const state = { done: false };
    const end = work.finally(() => {
      state.done = true;
    });
    end.catch(() => undefined);
    for (;;) {
      await settle();
      if (state.done) return end;
      if (!this.#clock.step(this.#clock.now() + 10_000)) throw new Error('no timer is due');
      this.#steps += 1;
    }
  }

  #checkMachines(): void {
    const { store } = this.#plane;
    const machines = [...this.#machines.values()];
    const moves = machines.reduce((sum, machine) => sum + machine.changeCount, 0);
    if (store === undefined || moves === this.#moves) return;
    this.#moves = moves;
    this.#checks.checkMachines(machines, store.view);
  }

  #note(commit: Commit): void {
    this.#commits += 1;
    const view = this.#plane.store?.view;
    this.#retireRevoked();
    for (const change of commit.changes) {
      if (change.table === 'services') this.#noteUpdate(change.before, change.after);
      if (change.table !== 'tasks') continue;
      this.#taskCommits += 1;
      const task = change.after ?? change.before;
      this.#record(
        `${commit.actor}: ${task?.service ?? ''}.${task?.slot ?? 0} ${change.id} ${
          change.after === undefined
            ? 'forgotten'
            : `${change.after.status.state}, wanted ${change.after.desired}, ${change.after.nodeId ?? ''}`
        }`,
      );
    }
    if (view !== undefined) this.#checks.noteCommit(commit, view);
  }

  #noteUpdate(before: Service | undefined, after: Service | undefined): void {
    const [from, to] = [before?.updateStatus, after?.updateStatus];
    if (to === undefined) return;
    if (to.state === 'paused' && from?.state !== 'paused') this.#tally.record('update was paused');
    const rolledBack =
      to.kind === 'rollback' && from?.kind !== 'rollback' && to.message !== 'asked for';
    if (rolledBack) this.#tally.record('update was rolled back automatically');
  }

  /**
   * Reads the revocation list instead of the removing commits, as their writer may have died before
   * it announced them.
   */
  #retireRevoked(): void {
    const record = this.#plane.store?.view.get('cluster', 'cluster');
    for (const id of record?.revoked ?? []) this.#retire(id);
  }

  /** The node's certificate is refused from now on: its machine no longer takes part. */
  #retire(id: string): void {
    this.#machines.get(id)?.powerOff();
    this.#machines.delete(id);
  }

  #newId(): string {
    this.#ids += 1;
    return `id${String(this.#ids).padStart(5, '0')}`;
  }

  #record(line: string): void {
    this.#history.push(`${this.#clock.now()} ${line}`);
  }
}

/** Injects a random fault into a machine. Returns its description for the history. */
function disturbMachine(machine: Machine, random: () => number): string {
  const { tally } = machine.options;
  const draw = random();
  if (draw < 0.25) {
    if (machine.powered) {
      tally.record('machine lost power');
      machine.powerOff();
      return 'loses power';
    }
    machine.boot();
    return 'boots';
  }
  if (draw < 0.55) {
    machine.cut = !machine.cut;
    if (machine.cut) tally.record('machine was cut off');
    return machine.cut ? 'is cut off' : 'is healed';
  }
  if (draw < 0.7) {
    tally.record('worker died');
    machine.restartWorker();
    return 'has a new worker';
  }
  if (draw < 0.85) {
    machine.engine.crash();
    return 'has an engine that died';
  }
  tally.record('connection was reset');
  machine.resetConnection();
  return 'has lost its connection';
}
