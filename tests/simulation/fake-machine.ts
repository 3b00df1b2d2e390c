import type { Clock } from '../../manager/base/clock.js';
import type { NetworkId, NodeId, TaskId } from '../../manager/model/ids.js';
import type { TaskStatus } from '../../manager/model/task.js';
import { isTerminal } from '../../manager/model/task-state.js';
import type {
  AssignedTask,
  AssignmentChange,
  AssignmentSet,
} from '../../manager/protocol/assignments.js';
import type { ManagerMessage, WorkerMessage } from '../../manager/protocol/messages.js';
import type { Connection } from '../../manager/protocol/transport-connection.js';
import { aNode } from '../../fixtures/cluster/build.js';
import { Wire } from './wire.js';

/** A task on a machine: its container, and what its worker remembers of it on disk. */
export interface Held {
  readonly heardAt: number;
  readonly task: AssignedTask;
  status: TaskStatus;
  /** The container's process is there. */
  running: boolean;
  /** Something is being done about it. */
  busy: boolean;
}

export interface MachineOptions {
  readonly id: string;
  readonly address: string;
  readonly memoryBytes: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Takes the connection to the manager; undefined when there is none at the moment. */
  readonly dial: (machine: FakeMachine, connection: Connection) => boolean;
  /** Something violated what the manager has to see to. */
  readonly onViolation: (message: string) => void;
  /** Faults of engines and containers happen only while true. */
  readonly mayFail: () => boolean;
}

const heartbeatMs = 1_000;
const deadMs = 3_000;

/**
 * A machine with its engine and worker, as far as the manager can tell: it does what it is told, in its own
 * time; it loses power, its worker dies, it is cut off, its containers crash.
 */
export class FakeMachine {
  readonly id: NodeId;
  readonly options: MachineOptions;
  readonly held = new Map<TaskId, Held>();
  /** Raised whenever what runs here and can be reached has changed. */
  moves = 0;
  powered = false;
  cut = false;
  /** Since boot no manager has said what is still to run: its overlays do not exist. */
  isolated = true;
  #wanted = new Map<TaskId, AssignedTask>();
  #networks = new Set<NetworkId>();
  #reported = '';
  #wire: Wire | undefined;
  #silentSince = 0;
  /** Raised by every power-off: what was under way before does not go on. */
  #life = 0;
  #welcomed = false;

  constructor(options: MachineOptions) {
    this.options = options;
    this.id = options.id as NodeId;
  }

  boot(): void {
    if (this.powered) return;
    this.powered = true;
    this.moves += 1;
    this.isolated = true;
    this.#life += 1;
    for (const held of this.held.values()) {
      held.busy = false;
      // The engine starts again what it was to keep running.
      if (held.status.state === 'running') {
        held.running = true;
        held.status = { ...held.status, startedAt: this.options.clock.now() };
      }
    }
    this.#tick();
    this.#work();
  }

  powerOff(): void {
    this.powered = false;
    this.moves += 1;
    this.#life += 1;
    for (const held of this.held.values()) held.running = false;
    this.#wire?.vanish();
    this.#wire = undefined;
  }

  /** The worker's process dies and is started again by systemd; containers go on. */
  restartWorker(): void {
    if (!this.powered) return;
    this.#wire?.closeFromWorker();
    this.#wire = undefined;
    this.#welcomed = false;
  }

  /** Containers that run and can be reached by others. */
  running(): readonly Held[] {
    if (!this.powered) return [];
    return [...this.held.values()].filter((held) => held.running);
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
    else if (clock.now() - this.#silentSince >= deadMs) this.restartWorker();
    else this.#send({ kind: 'heartbeat' });
  }

  #connect(): void {
    const { clock, random, dial } = this.options;
    if (this.cut) return;
    const life = this.#life;
    const wire: Wire = new Wire({
      clock,
      random,
      passes: () => !this.cut,
      onMessage: (text) => {
        if (this.#wire === wire && life === this.#life) this.#hear(text);
      },
      onEnd: () => {
        if (this.#wire === wire) this.#wire = undefined;
        this.#welcomed = false;
      },
    });
    if (!dial(this, wire.managerEnd)) return;
    this.#wire = wire;
    this.#send({
      kind: 'hello',
      version: 1,
      clusterId: 'simulated',
      nodeId: this.id,
      name: this.id,
      description: aNode(this.id, {
        address: this.options.address,
        memoryBytes: this.options.memoryBytes,
      }).description,
      reports: [...this.held].map(([taskId, { status }]) => ({ taskId, status })),
      volumes: [],
      networks: [...this.#networks],
    });
  }

  #send(message: WorkerMessage): void {
    this.#wire?.post(JSON.stringify(message));
  }

  #hear(text: string): void {
    const message = JSON.parse(text) as ManagerMessage;
    if (message.kind === 'assignments') this.#replaceSet(message.set);
    else if (message.kind === 'change') this.#applyChange(message.change);
    else return;
    this.#welcomed = true;
    if (this.isolated) this.moves += 1;
    this.isolated = false;
    this.#work();
  }

  #replaceSet(set: AssignmentSet): void {
    this.#wanted = new Map(set.tasks.map((task) => [task.id, task]));
    for (const network of set.networks) this.#networks.add(network.id);
    this.#keepNetworks(new Set(set.networks.map(({ id }) => id)));
  }

  #applyChange({ upsert, remove }: AssignmentChange): void {
    for (const task of upsert.tasks ?? []) this.#wanted.set(task.id, task);
    for (const id of remove.tasks ?? []) this.#wanted.delete(id);
    for (const { id } of upsert.networks ?? []) this.#networks.add(id);
    const gone = new Set(remove.networks ?? []);
    this.#keepNetworks(new Set([...this.#networks].filter((id) => !gone.has(id))));
  }

  /** Bridges go a little later than the word that they may. */
  #keepNetworks(keep: ReadonlySet<NetworkId>): void {
    this.#after(5, () => {
      const used = new Set(
        [...this.held.values()].flatMap(({ task }) =>
          task.attachments.map(({ networkId }) => networkId),
        ),
      );
      for (const id of this.#networks) {
        if (!keep.has(id) && !used.has(id)) this.#networks.delete(id);
      }
      this.#tellNetworks();
    });
  }

  #tellNetworks(): void {
    const networks = [...this.#networks].sort();
    if (this.#reported === networks.join(' ')) return;
    this.#reported = networks.join(' ');
    this.#send({ kind: 'networks', networks });
  }

  /** What is not to run any more goes first; until it has gone nothing new is begun. */
  #work(): void {
    if (!this.#welcomed) return;
    let stale = false;
    for (const [id, held] of this.held) {
      if (this.#wanted.has(id)) continue;
      stale ||= held.running;
      this.#stop(held, () => {
        this.held.delete(id);
      });
    }
    for (const [id, task] of this.#wanted) {
      const held = this.held.get(id);
      if (task.desired === 'shutdown' || task.desired === 'remove') this.#shutDown(task, held);
      else if (!stale) this.#advance(task, held);
    }
  }

  #shutDown(task: AssignedTask, held: Held | undefined): void {
    if (held === undefined) {
      const status = { state: 'shutdown', at: this.options.clock.now(), message: '' } as const;
      this.held.set(task.id, { task, status, heardAt: 0, running: false, busy: false });
      this.#report(task.id, status);
      return;
    }
    if (isTerminal(held.status.state)) return;
    this.#stop(held, () => {
      this.#move(held, { state: 'shutdown' });
    });
  }

  #stop(held: Held, done: () => void): void {
    if (held.busy && !held.running) return;
    if (!held.running) {
      done();
      return;
    }
    if (held.busy) return;
    held.busy = true;
    const { random } = this.options;
    // Some take longer to stop than anybody expects.
    const takesMs = random() < 0.05 ? 90_000 : 10 + random() * 2_000;
    this.#after(takesMs, () => {
      held.running = false;
      this.moves += 1;
      held.busy = false;
      done();
      this.#work();
    });
  }

  #advance(task: AssignedTask, known: Held | undefined): void {
    const { clock } = this.options;
    let held = known;
    if (held === undefined) {
      const status = { state: 'accepted', at: clock.now(), message: '' } as const;
      held = { task, status, heardAt: clock.elapsed(), running: false, busy: false };
      this.held.set(task.id, held);
      this.#report(task.id, status);
    }
    const { state } = held.status;
    if (held.busy || isTerminal(state) || state === 'running') return;
    if (state === 'ready' && task.desired === 'ready') return;
    const wait = held.heardAt + (task.startDelayMs ?? 0) - clock.elapsed();
    if (state === 'ready' && wait > 0) {
      this.#do(held, wait, () => undefined);
      return;
    }
    this.#next(task, held);
  }

  #next(task: AssignedTask, held: Held): void {
    const { random, mayFail } = this.options;
    switch (held.status.state) {
      case 'accepted':
        this.#move(held, { state: 'preparing' });
        return;
      case 'preparing':
        this.#do(held, 20 + random() * 400, () => {
          const refused = mayFail() && random() < 0.06;
          if (refused) this.#move(held, { state: 'rejected', error: 'no such image' });
          else this.#move(held, { state: 'ready', containerId: `c-${task.id}` });
        });
        return;
      case 'ready':
        this.#move(held, { state: 'starting' });
        return;
      default:
        this.#do(held, 5 + random() * 100, () => {
          this.#start(task, held);
        });
    }
  }

  #start(task: AssignedTask, held: Held): void {
    const { clock, random, mayFail, onViolation } = this.options;
    const ports = new Set(task.spec.ports.map(({ published }) => published));
    for (const other of this.held.values()) {
      if (other === held || !other.running) continue;
      const taken = other.task.spec.ports.some(({ published }) => ports.has(published));
      if (taken) onViolation(`${this.id}: ${task.id} and ${other.task.id} publish the same port`);
    }
    held.running = true;
    this.moves += 1;
    this.#move(held, { state: 'running', startedAt: clock.now() });
    if (random() >= 0.15) return;
    this.#after(1_000 + random() * 20_000, () => {
      if (!held.running || held.busy || !mayFail()) return;
      held.running = false;
      this.moves += 1;
      this.#move(held, { state: 'failed', exitCode: 1 });
    });
  }

  #do(held: Held, takesMs: number, work: () => void): void {
    held.busy = true;
    this.#after(takesMs, () => {
      held.busy = false;
      const wanted = this.#wanted.get(held.task.id)?.desired;
      if (wanted === 'ready' || wanted === 'running') work();
      this.#work();
    });
  }

  #move(held: Held, change: Partial<TaskStatus>): void {
    held.status = { ...held.status, ...change, at: this.options.clock.now() };
    this.#report(held.task.id, held.status);
    this.#after(0, () => {
      this.#work();
    });
  }

  /** Now and then said twice. */
  #report(taskId: TaskId, status: TaskStatus): void {
    const times = this.options.random() < 0.05 ? 2 : 1;
    for (let at = 0; at < times; at += 1)
      this.#send({ kind: 'status', reports: [{ taskId, status }] });
  }
}
