import type { Clock } from '../../manager/common/base/clock.js';
import { keptTasks } from '../helpers/fakes/kept-tasks.js';
import { silentLogger } from '../helpers/fakes/silent-logger.js';
import type { NetworkId, TaskId } from '../../manager/common/model/ids.js';
import type { TaskStatus } from '../../manager/common/model/task.js';
import type { AssignmentSet } from '../../manager/common/protocol/assignments.js';
import type {
  ManagerMessage,
  TaskReport,
  WorkerMessage,
} from '../../manager/common/protocol/messages.js';
import { applyChange } from '../../worker/assignments/apply-change.js';
import type { ObservedContainer, ContainerCache } from '../../worker/executor/executor.js';
import { Reporter } from '../../worker/session/reporter.js';
import type { Adoption } from '../../worker/tasks/local-state.js';
import { TaskSet } from '../../worker/tasks/task-set.js';
import type { SimulatedEngine } from './engine.js';
import type { Tally } from './tally.js';

/** The part of a worker's disk that survives its process. */
export class WorkerDisk {
  readonly ended = new Map<TaskId, TaskStatus>();
  readonly adopted = new Map<TaskId, Adoption>();
  set: AssignmentSet | undefined;

  ownerOf(container: ObservedContainer): TaskId {
    for (const [id, { containerId }] of this.adopted) if (containerId === container.id) return id;
    return container.taskId;
  }
}

/** The worker's view of the engine; it does not change while the engine does not answer. */
class Watch implements ContainerCache {
  readonly #engine: SimulatedEngine;
  readonly #seen = new Map<string, ObservedContainer>();
  readonly #onChange: ((containerId: string) => void)[] = [];
  readonly #onSync: (() => void)[] = [];
  hasSynced = false;

  constructor(engine: SimulatedEngine) {
    this.#engine = engine;
    engine.onChange = (id) => {
      this.#refresh(id);
      for (const callback of this.#onChange) callback(id);
    };
    engine.onUp = () => {
      this.sync();
    };
  }

  get connected(): boolean {
    return this.#engine.up && this.hasSynced;
  }

  sync(): void {
    if (!this.#engine.up) return;
    for (const id of [...this.#seen.keys(), ...this.#engine.containers.keys()]) this.#refresh(id);
    this.hasSynced = true;
    for (const callback of this.#onSync) callback();
  }

  all(): Iterable<ObservedContainer> {
    return this.#seen.values();
  }

  get(containerId: string): ObservedContainer | undefined {
    return this.#seen.get(containerId);
  }

  synced(): Promise<void> {
    return Promise.resolve();
  }

  onChange(callback: (containerId: string) => void): void {
    this.#onChange.push(callback);
  }

  onSync(callback: () => void): void {
    this.#onSync.push(callback);
  }

  #refresh(id: string): void {
    const container = this.#engine.containers.get(id);
    if (container === undefined) this.#seen.delete(id);
    else this.#seen.set(id, container.seen);
  }
}

export interface WorkerOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly engine: SimulatedEngine;
  readonly disk: WorkerDisk;
  readonly tally: Tally;
  /** Stale reports are sent only while this returns true. */
  readonly mayFail: () => boolean;
  /** Sends a message; it is lost without a session. */
  readonly send: (message: WorkerMessage) => void;
  /** Called once stray containers are disconnected from their networks. */
  readonly onCleared: () => void;
}

/**
 * A worker's process: the real task set with its runners and the real reporter over a simulated
 * engine. Networks exist as soon as they are wanted, and go shortly after they are not.
 */
export class SimulatedWorker {
  readonly #options: WorkerOptions;
  readonly #reporter: Reporter;
  readonly #tasks: TaskSet;
  readonly #networks: Set<NetworkId>;
  #wanted: AssignmentSet | undefined;
  #reportedNetworks = '';
  #alive = true;

  constructor(options: WorkerOptions, networks: Set<NetworkId>) {
    const { clock, engine, disk } = options;
    this.#options = options;
    this.#networks = networks;
    this.#reporter = new Reporter(clock);
    const watch = new Watch(engine);
    this.#tasks = new TaskSet({
      containers: watch,
      executor: {
        isolate: (id) => {
          engine.isolate(id);
          return Promise.resolve();
        },
      },
      actions: {
        perform: (action, subject, _progress, signal) => engine.perform(action, subject, signal),
      },
      kept: keptTasks(disk),
      clock,
      log: silentLogger,
      report: (report) => this.#reporter.update(report),
      forgotten: (taskId) => {
        this.#reporter.forget(taskId);
      },
    });
    watch.sync();
  }

  /** Resumes from the last assignments on disk, without a manager. */
  async resume(): Promise<void> {
    const { set } = this.#options.disk;
    if (set !== undefined && this.#wanted === undefined) await this.#adopt(set);
  }

  get reports(): readonly TaskReport[] {
    return this.#tasks.reports();
  }

  get networks(): readonly NetworkId[] {
    return [...this.#networks].sort();
  }

  /** The session has begun; its hello carried the current reports and networks. */
  connected(): void {
    this.#reportedNetworks = this.networks.join(' ');
    this.#reporter.attach((reports) => {
      this.#report(reports);
    });
  }

  disconnected(): void {
    this.#reporter.detach();
  }

  /** Throws if a change does not follow the last one received. */
  async receive(message: ManagerMessage): Promise<void> {
    const { disk } = this.#options;
    switch (message.kind) {
      case 'assignments':
        disk.set = message.set;
        await this.#adopt(message.set);
        return;
      case 'change':
        if (this.#wanted === undefined) return;
        disk.set = applyChange(this.#wanted, message.change);
        this.#apply(disk.set);
        return;
      case 'call':
        await this.#answer(message);
        return;
      default:
    }
  }

  /** The process dies; containers and engine operations in flight go on. */
  kill(): void {
    this.#alive = false;
    this.#reporter.detach();
    void this.#tasks.stop();
  }

  async #adopt(set: AssignmentSet): Promise<void> {
    const before = this.#wanted;
    this.#wanted = set;
    await this.#tasks.isolateOrphans(set, before);
    this.#options.onCleared();
    if (this.#alive && this.#wanted === set) this.#apply(set);
  }

  #apply(set: AssignmentSet): void {
    this.#wanted = set;
    for (const { id } of set.networks) this.#networks.add(id);
    this.#tasks.apply(set);
    this.#dropNetworks();
  }

  /**
   * Drops unused networks. Repeats while containers hold an unwanted one, as no event reports their
   * end.
   */
  #dropNetworks(delayMs = 5): void {
    const { clock, engine } = this.#options;
    clock.after(delayMs, () => {
      if (!this.#alive) return;
      const wanted = new Set(this.#wanted?.networks.map(({ id }) => id));
      const needed = new Set(wanted);
      for (const { task } of engine.containers.values()) {
        for (const { networkId } of task.attachments) needed.add(networkId);
      }
      for (const id of this.#networks) if (!needed.has(id)) this.#networks.delete(id);
      if ([...this.#networks].some((id) => !wanted.has(id))) this.#dropNetworks(3_000);
      const text = this.networks.join(' ');
      if (text === this.#reportedNetworks) return;
      this.#reportedNetworks = text;
      this.#options.send({ kind: 'networks', networks: this.networks });
    });
  }

  /** Sends reports; some are repeated at once, some once more much later. */
  #report(reports: readonly TaskReport[]): void {
    const { random, clock, send, tally, mayFail } = this.#options;
    send({ kind: 'status', reports });
    const draw = random();
    if (draw < 0.05) {
      tally.record('message was repeated');
      send({ kind: 'status', reports });
    } else if (draw < 0.09) {
      clock.after(200 + random() * 10_000, () => {
        if (!this.#alive || !mayFail()) return;
        tally.record('report came late');
        send({ kind: 'status', reports });
      });
    }
    this.#dropNetworks();
  }

  async #answer({ callId, call }: Extract<ManagerMessage, { kind: 'call' }>): Promise<void> {
    const { engine, send } = this.#options;
    try {
      if (call.name === 'removeVolume') await engine.removeVolume(call.args.name);
      send({ kind: 'result', callId, result: null });
    } catch {
      const error = { kind: 'conflict', message: 'the engine refused' } as const;
      send({ kind: 'failure', callId, error });
    }
  }
}
