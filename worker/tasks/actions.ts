import { withDeadline } from '../../manager/common/base/cancellation.js';
import { Semaphore } from '../../manager/common/base/semaphore.js';
import type { Clock } from '../../manager/common/base/clock.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { AssignedTask, AssignmentSet } from '../../manager/common/protocol/assignments.js';
import type { DataPlane } from '../executor/data-plane.js';
import type {
  EngineAttachment,
  ContainerAccess,
  ProgressCallback,
  ObservedContainer,
  TaskExecutor,
  TaskInputs,
} from '../executor/executor.js';
import { runHooks, type HookKind } from './hooks.js';
import { stopGraceMs, type ObservedLeader } from './step.js';
import type { TaskAction } from './task-action.js';

export interface ActionSubject {
  readonly task: AssignedTask | undefined;
  readonly seen: ObservedContainer | undefined;
  readonly leaders: readonly ObservedLeader[];
}

type Handler = (
  subject: ActionSubject,
  progress: ProgressCallback,
  signal: AbortSignal,
) => Promise<void>;

export interface TaskActionDependencies {
  readonly clock: Clock;
  readonly executor: TaskExecutor;
  /** Runs hooks. */
  readonly access: Pick<ContainerAccess, 'exec'>;
  readonly dataPlane: Pick<DataPlane, 'mode' | 'ready'>;
  /** The current assignment set. */
  readonly wanted: () => AssignmentSet | undefined;
  /** The task of another service whose namespaces or volumes this task shares. */
  readonly leaderTask: (task: AssignedTask, service: string) => AssignedTask | undefined;
}

/**
 * Concurrent engine operations: the engine processes only few at once, more make each of them
 * slower.
 */
const maxConcurrent = 4;
/** Concurrent stops, which mostly wait for processes to exit. */
const maxConcurrentStops = 16;
const networkDeadlineMs = 60_000;
const neverAborts = new AbortController().signal;

/** Executes the actions of a task: one handler per action, which calls executor and data plane. */
export class TaskActions {
  readonly #deps: TaskActionDependencies;
  readonly #gate = new Semaphore(maxConcurrent);
  readonly #stopGate = new Semaphore(maxConcurrentStops);
  readonly #handlers: Readonly<Record<TaskAction, Handler>> = {
    prepare: (subject, progress, signal) => this.#prepare(subject, progress, signal),
    create: (subject, _progress, signal) => this.#create(subject, signal),
    connect: (subject, _progress, signal) => this.#connect(subject, signal),
    start: (subject, _progress, signal) => this.#start(subject, signal),
    'after-start': (subject, _progress, signal) => this.#hooks(subject, 'post_start', signal),
    'before-stop': (subject, _progress, signal) => this.#hooks(subject, 'pre_stop', signal),
    stop: (subject, _progress, signal) => this.#stop(subject, signal),
    remove: (subject, _progress, signal) => this.#remove(subject, signal),
  };

  constructor(deps: TaskActionDependencies) {
    this.#deps = deps;
  }

  async perform(
    action: TaskAction,
    subject: ActionSubject,
    progress: ProgressCallback,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#handlers[action](subject, progress, signal);
  }

  async #prepare(
    subject: ActionSubject,
    progress: ProgressCallback,
    signal: AbortSignal,
  ): Promise<void> {
    const task = required(subject.task, 'task');
    const [inputs] = await Promise.all([
      this.#inputs(task, subject.leaders, signal),
      this.#deps.executor.prepare(task, this.#volumesOnly(task), progress, signal),
    ]);
    progress(inputs.networks.length > 0 ? 'image and networks ready' : 'image ready');
  }

  async #create(subject: ActionSubject, signal: AbortSignal): Promise<void> {
    const task = required(subject.task, 'task');
    const inputs = await this.#inputs(task, subject.leaders, signal);
    // A create in flight is not cancelled: the container would exist without being tracked.
    await this.#gate.run(() => this.#deps.executor.create(task, inputs, neverAborts), signal);
  }

  async #connect(subject: ActionSubject, signal: AbortSignal): Promise<void> {
    const task = required(subject.task, 'task');
    const container = required(subject.seen, 'container');
    const inputs = await this.#inputs(task, subject.leaders, signal);
    await this.#deps.executor.connect(container.id, task, inputs, signal);
  }

  async #start(subject: ActionSubject, signal: AbortSignal): Promise<void> {
    const task = required(subject.task, 'task');
    const container = required(subject.seen, 'container');
    const inputs = await this.#inputs(task, subject.leaders, signal);
    const { executor } = this.#deps;
    const { engineRestart } = task.spec.container;
    // The stop of an adopted container has disabled its restart policy.
    if (task.adopts !== undefined && startsWithEngine(task))
      await executor.setRestart(container.id, engineRestart, signal);
    // A start is not cancelled either: the engine continues with it, and the running container
    // would be considered exited.
    await this.#gate.run(() => executor.start(container.id, task, inputs, neverAborts), signal);
  }

  /** Hooks bypass the concurrency limit, as they may run long. */
  async #hooks(subject: ActionSubject, kind: HookKind, signal: AbortSignal): Promise<void> {
    const { postStart, preStop } = required(subject.task, 'task').spec.container;
    const hooks = (kind === 'post_start' ? postStart : preStop) ?? [];
    const { id } = required(subject.seen, 'container');
    const { access, clock } = this.#deps;
    await runHooks(access, id, hooks, { kind, clock, signal });
  }

  async #stop({ task, seen }: ActionSubject, signal: AbortSignal): Promise<void> {
    const { executor } = this.#deps;
    const { id } = required(seen, 'container');
    const keepContainer = task !== undefined && task.desired !== 'remove';
    await this.#stopGate.run(async () => {
      if (keepContainer && startsWithEngine(task)) {
        await executor.setRestart(id, { name: 'no' }, signal);
      }
      await executor.stop(id, stopGraceMs(task), signal);
    }, signal);
  }

  async #remove(subject: ActionSubject, signal: AbortSignal): Promise<void> {
    const container = required(subject.seen, 'container');
    await this.#gate.run(() => this.#deps.executor.remove(container.id, signal), signal);
  }

  #volumesOnly(task: AssignedTask): TaskInputs {
    return { volumes: this.#volumes(task), files: [], networks: [] };
  }

  #volumes(task: AssignedTask): TaskInputs['volumes'] {
    const wanted = this.#deps.wanted();
    return task.spec.container.mounts.flatMap((mount) => {
      if (mount.type !== 'volume' || mount.source === undefined) return [];
      const spec = wanted?.volumes.find((volume) => volume.name === mount.source);
      return spec === undefined ? [] : [spec];
    });
  }

  async #inputs(
    task: AssignedTask,
    leaders: readonly ObservedLeader[],
    signal: AbortSignal,
  ): Promise<TaskInputs> {
    const networks = await this.#attachments(task, signal);
    const nameserver = this.#nameserver(task);
    return {
      volumes: this.#volumes(task),
      files: this.#deps.wanted()?.files ?? [],
      networks,
      leaders: new Map(
        leaders.flatMap(({ tie, seen }) => (seen === undefined ? [] : [[tie.service, seen.id]])),
      ),
      ...(nameserver === undefined ? {} : { nameserver }),
      ...(this.#usesHostResolver(task) ? { usesHostResolver: true } : {}),
    };
  }

  async #attachments(
    task: AssignedTask,
    signal: AbortSignal,
  ): Promise<readonly EngineAttachment[]> {
    if (task.spec.container.networkMode.kind !== 'networks') return [];
    const { dataPlane, clock } = this.#deps;
    return await Promise.all(
      task.attachments.map(async (attachment) => {
        const message = `network ${attachment.network} is not ready on this node; retrying`;
        const late = (): AppError => new AppError('timeout', message);
        const { engineNetwork } = await withDeadline(
          { clock, limitMs: networkDeadlineMs, signal, late },
          (limited) => dataPlane.ready(attachment.networkId, limited),
        );
        const { driverOpts } =
          task.spec.networks.find(({ network }) => network === attachment.network) ?? {};
        return {
          ...(driverOpts === undefined ? {} : { driverOpts }),
          engineNetwork,
          address: attachment.address,
          mac: attachment.mac,
          aliases: dataPlane.mode === 'engine' ? [task.service, ...attachment.aliases] : [],
        };
      }),
    );
  }

  #usesHostResolver({ spec: { container }, attachments }: AssignedTask): boolean {
    const isClients = container.origin !== undefined && container.networkMode.kind === 'networks';
    return this.#deps.dataPlane.mode === 'overlay' && isClients && attachments.length === 0;
  }

  /**
   * Gateway address of the first network, of the task itself or of the task whose network namespace
   * it shares.
   */
  #nameserver(task: AssignedTask): string | undefined {
    if (this.#deps.dataPlane.mode !== 'overlay') return undefined;
    const mode = task.spec.container.networkMode;
    const holder = mode.kind === 'service' ? this.#deps.leaderTask(task, mode.service) : task;
    if (holder?.spec.container.networkMode.kind !== 'networks') return undefined;
    const networkId = holder.attachments[0]?.networkId;
    return this.#deps.wanted()?.networks.find((network) => network.id === networkId)?.gateway;
  }
}

/**
 * True for restart policy `always`: a restarting engine starts the container even after an explicit
 * stop.
 */
function startsWithEngine({ spec }: AssignedTask): boolean {
  return spec.container.engineRestart.name === 'always';
}

function required<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new AppError('internal', `task has no ${name} to act on`);
  return value;
}
