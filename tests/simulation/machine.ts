import type { NetworkId, NodeId } from '../../manager/common/model/ids.js';
import type { ManagerMessage, WorkerMessage } from '../../manager/common/protocol/messages.js';
import type { Connection } from '../../manager/common/protocol/transport-connection.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import type { AssignedTask } from '../../manager/common/protocol/assignments.js';
import { messageOf } from '../../manager/common/base/errors.js';
import { aNode } from '../../fixtures/cluster/build.js';
import type { EngineOptions } from './engine.js';
import { SimulatedEngine } from './engine.js';
import { Wire } from './wire.js';
import { SimulatedWorker, WorkerDisk } from './worker.js';

export interface MachineOptions extends Omit<EngineOptions, 'machine'> {
  readonly id: string;
  readonly address: string;
  readonly memoryBytes: number;
  /** Connects to the manager; returns false if none is reachable now. */
  readonly dial: (machine: Machine, connection: Connection) => boolean;
}

/** A running container and the task it runs for. */
export interface Running {
  readonly taskId: TaskId;
  readonly task: AssignedTask;
  /** False while the container is cut off from the network. */
  readonly reachable: boolean;
}

const heartbeatMs = 1_000;
const deadMs = 3_000;
/** How long a worker waits for a manager after a boot before it resumes on its own. */
const managerDeadlineMs = 3_000;

/**
 * A machine with its engine and worker: it loses power or is cut off, and its parts fail
 * independently.
 */
export class Machine {
  readonly id: NodeId;
  readonly options: MachineOptions;
  readonly engine: SimulatedEngine;
  powered = false;
  cut = false;
  /** True from boot until stray containers are isolated; the overlays do not exist until then. */
  #isolated = true;
  #isolations = 0;
  readonly #disk = new WorkerDisk();
  readonly #networks = new Set<NetworkId>();
  #worker: SimulatedWorker | undefined;
  #wire: Wire | undefined;
  #silentSince = 0;
  /** Incremented by each boot and power-off, so that timers from before do nothing. */
  #life = 0;

  constructor(options: MachineOptions) {
    this.options = options;
    this.id = options.id as NodeId;
    this.engine = new SimulatedEngine({ ...options, machine: options.id });
  }

  /** Changes whenever the set of reachable running containers changes. */
  get changeCount(): number {
    return this.engine.changeCount + this.#isolations;
  }

  boot(): void {
    if (this.powered) return;
    this.powered = true;
    this.#isolated = true;
    this.#isolations += 1;
    this.#life += 1;
    this.engine.boot();
    this.#startWorker();
    this.#after(managerDeadlineMs, () => {
      if (this.#isolated) void this.#worker?.resume();
    });
    this.#tick();
  }

  powerOff(): void {
    this.powered = false;
    this.#life += 1;
    this.#worker?.kill();
    this.#worker = undefined;
    this.engine.powerOff();
    this.#wire?.vanish();
    this.#wire = undefined;
  }

  /** The worker's process dies and systemd restarts it; containers keep running. */
  restartWorker(): void {
    if (!this.powered) return;
    this.resetConnection();
    this.#worker?.kill();
    this.#startWorker();
    void this.#worker?.resume();
  }

  /** Drops the connection; messages in flight are lost. */
  resetConnection(): void {
    this.#wire?.closeFromWorker();
    this.#wire = undefined;
    this.#worker?.disconnected();
  }

  running(): readonly Running[] {
    return this.engine.running().map(({ seen, task, isolated: apart }) => ({
      taskId: this.#disk.ownerOf(seen),
      task,
      reachable: !apart && !this.#isolated,
    }));
  }

  #startWorker(): void {
    const { clock, random, tally, mayFail } = this.options;
    const life = this.#life;
    this.#worker = new SimulatedWorker(
      {
        clock,
        random,
        tally,
        mayFail,
        engine: this.engine,
        disk: this.#disk,
        send: (message) => {
          if (life === this.#life) this.#send(message);
        },
        onCleared: () => {
          if (life !== this.#life || !this.#isolated) return;
          this.#isolated = false;
          this.#isolations += 1;
        },
      },
      this.#networks,
    );
  }

  #after(delayMs: number, work: () => void): void {
    const life = this.#life;
    this.options.clock.after(delayMs, () => {
      if (life === this.#life) work();
    });
  }

  #tick(): void {
    this.#after(heartbeatMs, () => {
      this.#tick();
    });
    const { clock } = this.options;
    if (!this.cut) this.#silentSince = clock.now();
    if (this.#wire === undefined) this.#connect();
    else if (clock.now() - this.#silentSince >= deadMs) this.resetConnection();
    else this.#send({ kind: 'heartbeat' });
  }

  #connect(): void {
    const { clock, random, tally, dial } = this.options;
    if (this.cut || this.#worker === undefined) return;
    const life = this.#life;
    const wire: Wire = new Wire({
      clock,
      random,
      tally,
      passes: () => !this.cut,
      onMessage: (text) => {
        if (this.#wire === wire && life === this.#life) this.#receive(text);
      },
      onEnd: () => {
        if (this.#wire !== wire) return;
        this.#wire = undefined;
        this.#worker?.disconnected();
      },
    });
    if (!dial(this, wire.managerEnd)) return;
    this.#wire = wire;
    this.#hello(this.#worker);
  }

  #hello(worker: SimulatedWorker): void {
    const { address, memoryBytes } = this.options;
    this.#send({
      kind: 'hello',
      version: 1,
      clusterId: 'simulated',
      nodeId: this.id,
      name: this.id,
      description: aNode(this.id, { address, memoryBytes }).description,
      reports: worker.reports,
      volumes: this.engine.up ? [...this.engine.volumes].sort() : [],
      networks: worker.networks,
    });
    worker.connected();
  }

  #send(message: WorkerMessage): void {
    this.#wire?.post(JSON.stringify(message));
  }

  #receive(text: string): void {
    const worker = this.#worker;
    worker?.receive(JSON.parse(text) as ManagerMessage).catch((error: unknown) => {
      this.options.onViolation(`${this.id}: ${messageOf(error)}`);
    });
  }
}
