import { AppError, toAppError } from '../../manager/common/base/errors.js';
import type { Clock } from '../../manager/common/base/clock.js';
import type { EngineRestart } from '../../manager/common/model/container.js';
import { needsRunningLeader } from '../../manager/common/model/pod.js';
import type { AssignedTask } from '../../manager/common/protocol/assignments.js';
import type { ObservedContainer } from '../../worker/executor/executor.js';
import { isLiveContainer } from '../../worker/executor/executor.js';
import type { ActionSubject } from '../../worker/tasks/actions.js';
import type { TaskAction } from '../../worker/tasks/task-action.js';
import { restartsAfterExit, outcomeOf } from './run-outcome.js';
import type { Tally } from './tally.js';

export interface EngineOptions {
  readonly machine: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly newId: () => string;
  /** Called when the manager let happen what it must prevent, such as a host port conflict. */
  readonly onViolation: (message: string) => void;
  /** Engines and containers fail at random only while this returns true. */
  readonly mayFail: () => boolean;
  readonly tally: Tally;
}

/** A container; `seen` is the state that the engine reports. */
export interface Container {
  seen: ObservedContainer;
  /** The task of the last start, with its addresses and ports. */
  task: AssignedTask;
  /** Disconnected from its networks by the worker. */
  isolated: boolean;
  /** Stopped on request: only policy `always` starts it again, when the engine itself restarts. */
  stopped: boolean;
  /** The engine's restart policy for it. */
  restart: EngineRestart;
  /** Incremented by each start and end, so that events scheduled for an earlier run are dropped. */
  run: number;
}

/**
 * A Docker Engine with its containers: it is slow, refuses calls, dies with or without its
 * containers, and restarts containers by their restart policy.
 */
export class SimulatedEngine {
  readonly options: EngineOptions;
  readonly containers = new Map<string, Container>();
  readonly volumes = new Set<string>();
  /** Incremented whenever the set of running containers changes. */
  changeCount = 0;
  up = false;
  onChange: (containerId: string) => void = () => undefined;
  onUp: () => void = () => undefined;
  onDown: () => void = () => undefined;
  /** Incremented when the engine dies; calls in flight fail then. */
  #life = 0;

  constructor(options: EngineOptions) {
    this.options = options;
  }

  /** Starts with the machine, and starts the containers whose restart policy asks for it. */
  boot(): void {
    this.#later(50 + this.options.random() * 500, () => {
      this.up = true;
      for (const container of this.containers.values()) {
        if (container.seen.state !== 'running') this.#revive(container);
      }
      this.onUp();
    });
  }

  /** The machine loses power: every container ends with exit code 137. */
  powerOff(): void {
    this.#life += 1;
    this.up = false;
    for (const container of this.containers.values()) {
      if (isLiveContainer(container.seen)) this.#end(container, 137);
    }
    this.changeCount += 1;
  }

  /** The daemon dies and restarts; its containers survive in their shims or die with it. */
  crash(): void {
    const { random, tally } = this.options;
    if (!this.up) return;
    this.#life += 1;
    this.up = false;
    const alone = random() < 0.5;
    tally.record(alone ? 'engine died' : 'engine died with its containers');
    if (!alone) {
      for (const container of this.containers.values()) {
        if (isLiveContainer(container.seen)) this.#end(container, 137);
      }
    }
    this.onDown();
    this.#later(500 + random() * 12_000, () => {
      this.boot();
    });
  }

  /** Carries out an action of a task's step. Rejects with the errors of the engine's client. */
  async perform(
    action: TaskAction,
    { task, seen, leaders }: ActionSubject,
    signal: AbortSignal,
  ): Promise<void> {
    const { random, tally } = this.options;
    switch (action) {
      case 'prepare':
        return this.#work(20 + random() * 400, signal, () => {
          this.#prepare(present(task));
        });
      case 'create':
        return this.#work(5 + random() * 60, undefined, () => {
          this.#create(present(task));
        });
      case 'start':
        return this.#work(5 + random() * 100, undefined, () => {
          const container = this.#container(present(seen).id);
          container.task = present(task);
          container.restart = container.task.spec.container.engineRestart;
          const dead = leaders.find((each) => {
            const { state = 'exited' } = this.containers.get(each.seen?.id ?? '')?.seen ?? {};
            return needsRunningLeader(each.tie) && state !== 'running';
          });
          if (dead !== undefined)
            throw new AppError('conflict', 'cannot join a namespace of a stopped container');
          this.#start(container);
        });
      case 'stop': {
        // Some containers take far longer to stop than their grace period.
        const isSlow = random() < 0.05;
        if (isSlow) tally.record('container was slow to stop');
        return this.#work(isSlow ? 90_000 : 10 + random() * 2_000, signal, () => {
          const container = this.#container(present(seen).id);
          container.stopped = true;
          // As in the worker's actions: a stopped container that is kept must not restart with the
          // engine.
          if (task !== undefined && task.desired !== 'remove') container.restart = { name: 'no' };
          if (isLiveContainer(container.seen)) this.#end(container, 143);
        });
      }
      case 'remove':
        return this.#work(5 + random() * 50, signal, () => {
          this.containers.delete(present(seen).id);
          this.onChange(present(seen).id);
        });
      default:
        return Promise.resolve();
    }
  }

  async removeVolume(name: string): Promise<void> {
    await this.#work(5 + this.options.random() * 50, undefined, () => {
      for (const { task } of this.containers.values()) {
        if (volumesOf(task).includes(name)) throw new AppError('conflict', `${name} is in use`);
      }
      this.volumes.delete(name);
    });
  }

  isolate(containerId: string): void {
    const container = this.containers.get(containerId);
    if (container === undefined) return;
    container.isolated = true;
    this.changeCount += 1;
  }

  running(): readonly Container[] {
    return [...this.containers.values()].filter(({ seen }) => seen.state === 'running');
  }

  #later(delayMs: number, work: () => void): void {
    const life = this.#life;
    this.options.clock.after(delayMs, () => {
      if (life === this.#life) work();
    });
  }

  /** Takes effect even if the caller has aborted, but not if the engine dies first. */
  #work(takesMs: number, signal: AbortSignal | undefined, effect: () => void): Promise<void> {
    const unavailable = (): AppError => new AppError('unavailable', 'the engine does not answer');
    if (!this.up) return Promise.reject(unavailable());
    const life = this.#life;
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => {
        reject(new AppError('cancelled', 'the caller gave up'));
      });
      this.options.clock.after(takesMs, () => {
        if (life !== this.#life) {
          reject(unavailable());
          return;
        }
        try {
          effect();
          resolve();
        } catch (error) {
          reject(toAppError(error));
        }
      });
    });
  }

  #container(id: string): Container {
    const container = this.containers.get(id);
    if (container === undefined) throw new AppError('not-found', `no such container: ${id}`);
    return container;
  }

  #prepare(task: AssignedTask): void {
    const { mayFail, random, tally } = this.options;
    const { image } = task.spec.container;
    if (image === 'broken' || (mayFail() && random() < 0.04)) {
      tally.record('image could not be pulled');
      throw new AppError('not-found', `no such image: ${image}`);
    }
    for (const name of volumesOf(task)) this.volumes.add(name);
  }

  #create(task: AssignedTask): void {
    const id = `c-${this.options.newId()}`;
    for (const other of this.containers.values()) {
      const { name } = other.seen;
      if (name === task.containerName) other.seen = { ...other.seen, name: asideName(other.seen) };
    }
    const seen: ObservedContainer = {
      id,
      name: task.containerName,
      taskId: task.id,
      state: 'created',
      restarts: 0,
      ports: [],
      imageId: task.spec.container.image,
      addresses: {},
    };
    const restart = task.spec.container.engineRestart;
    this.containers.set(id, { seen, task, restart, isolated: false, stopped: false, run: 0 });
    this.onChange(id);
  }

  #start(container: Container): void {
    const { clock } = this.options;
    this.#checkPorts(container);
    container.run += 1;
    container.isolated = false;
    container.stopped = false;
    const { healthcheck } = container.task.spec.container;
    const { lastStartedAt: _last, exitCode: _code, ...seen } = container.seen;
    container.seen = {
      ...seen,
      state: 'running',
      startedAt: clock.now(),
      ports: container.task.spec.ports.map(({ target, protocol, published = 0 }) => {
        return { target, protocol, published, hostIp: '0.0.0.0' };
      }),
      ...(healthcheck === undefined ? {} : { health: 'starting' }),
    };
    this.changeCount += 1;
    this.onChange(seen.id);
    this.#scheduleOutcome(container);
  }

  /** Draws the outcome of a run at its start and schedules it. */
  #scheduleOutcome(container: Container): void {
    const { random, tally } = this.options;
    const { run } = container;
    const fate = outcomeOf(container.task.spec.container, random);
    const whileRunning = (atMs: number, work: () => void): void => {
      this.options.clock.after(atMs, () => {
        if (container.run === run && container.seen.state === 'running') work();
      });
    };
    if (fate.healthAtMs !== undefined) {
      whileRunning(fate.healthAtMs, () => {
        if (fate.health === 'unhealthy') tally.record('health check failed');
        container.seen = { ...container.seen, health: fate.health };
        this.#notify(container);
      });
    }
    if (fate.endAtMs === undefined) return;
    whileRunning(fate.endAtMs, () => {
      if (fate.isFault && !this.options.mayFail()) return;
      if (fate.isFault) tally.record('container crashed');
      this.#exit(container, fate.exitCode);
    });
  }

  /** The process exits by itself; a live engine may restart the container. */
  #exit(container: Container, exitCode: number): void {
    this.#end(container, exitCode);
    if (!this.up || !restartsAfterExit(container.restart, exitCode, container.seen.restarts))
      return;
    const { run } = container;
    container.seen = { ...container.seen, state: 'restarting' };
    this.#notify(container);
    this.#later(100 + this.options.random() * 2_000, () => {
      if (container.run !== run || container.seen.state !== 'restarting') return;
      this.#revive(container);
    });
  }

  #revive(container: Container): void {
    const { name } = container.restart;
    const { state, exitCode } = container.seen;
    const restartsOnExit = name === 'unless-stopped' || (name === 'on-failure' && exitCode !== 0);
    const restarts = name === 'always' || (restartsOnExit && !container.stopped);
    if (state === 'created' || !restarts || !this.#canJoin(container)) return;
    this.options.tally.record('engine restarted a container');
    container.seen = { ...container.seen, restarts: container.seen.restarts + 1 };
    this.#start(container);
  }

  /** A shared network, PID or IPC namespace exists only while its owner runs. */
  #canJoin({ task }: Container): boolean {
    const { networkMode, pidService, ipcService } = task.spec.container;
    const names = [
      ...(networkMode.kind === 'service' ? [networkMode.service] : []),
      ...(pidService === undefined ? [] : [pidService]),
      ...(ipcService === undefined ? [] : [ipcService]),
    ];
    return names.every((name) =>
      this.running().some(
        ({ task: other }) =>
          other.service === name && other.slot === task.slot && other.project === task.project,
      ),
    );
  }

  #end(container: Container, exitCode: number): void {
    const { startedAt, health: _health, ...seen } = container.seen;
    container.run += 1;
    container.seen = {
      ...seen,
      state: 'exited',
      exitCode,
      finishedAt: String(this.options.clock.now()),
      ...(startedAt === undefined ? {} : { lastStartedAt: startedAt }),
    };
    this.changeCount += 1;
    this.#notify(container);
  }

  #notify(container: Container): void {
    if (this.up) this.onChange(container.seen.id);
  }

  #checkPorts(container: Container): void {
    const { machine, onViolation } = this.options;
    const ports = portsOf(container.task);
    for (const other of this.containers.values()) {
      if (other === container || !isLiveContainer(other.seen)) continue;
      if (portsOf(other.task).some((port) => ports.includes(port))) {
        onViolation(`${machine}: ${container.task.id} and ${other.task.id} publish the same port`);
      }
    }
  }
}

export function volumesOf({ spec }: AssignedTask): readonly string[] {
  return spec.container.mounts.flatMap((mount) =>
    mount.type === 'volume' && mount.source !== undefined ? [mount.source] : [],
  );
}

/**
 * As the worker renames a slot's former container: twelve hexadecimal digits of the id as prefix.
 */
function asideName({ id, name }: ObservedContainer): string {
  return `${Buffer.from(id).toString('hex').padStart(12, '0').slice(-12)}_${name}`;
}

function portsOf({ spec }: AssignedTask): readonly number[] {
  return spec.ports.flatMap(({ published }) => published ?? []);
}

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new AppError('internal', 'action has no subject');
  return value;
}
