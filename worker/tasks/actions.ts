import { AppError } from '../../manager/common/base/errors.js';
import type { ContainerSpec } from '../../manager/common/model/container.js';
import type { AssignedTask, AssignmentSet } from '../../manager/common/protocol/assignments.js';
import type { DataPlane } from '../executor/data-plane.js';
import type {
  EngineAttachment,
  Executor,
  Progress,
  SeenContainer,
  TaskInputs,
} from '../executor/executor.js';
import { Gate } from './gate.js';
import { runHooks, type HookKind } from './hooks.js';
import { stopGraceMs, type Action, type SeenLeader } from './step.js';

export interface Subject {
  readonly task: AssignedTask | undefined;
  readonly seen: SeenContainer | undefined;
  readonly leaders: readonly SeenLeader[];
}

type Handler = (subject: Subject, progress: Progress, signal: AbortSignal) => Promise<void>;

export interface ActionSurroundings {
  readonly executor: Executor;
  readonly dataPlane: DataPlane;
  /** The assignment set as it is now. */
  readonly wanted: () => AssignmentSet | undefined;
  /** The task of another service that one is tied to. */
  readonly leaderTask: (task: AssignedTask, service: string) => AssignedTask | undefined;
}

/** An engine works on few containers at once anyway; more only make each of them slower. */
const atOnce = 4;
/** Mostly waiting for processes to end. */
const stopsAtOnce = 16;
const networkDeadlineMs = 60_000;
const uncancelled = new AbortController().signal;

/** One handler per action: from a step's name to calls of executor and data plane. */
export class TaskActions {
  readonly #around: ActionSurroundings;
  readonly #gate = new Gate(atOnce);
  readonly #stopGate = new Gate(stopsAtOnce);
  readonly #handlers: Readonly<Record<Exclude<Action, 'adopt'>, Handler>> = {
    prepare: (subject, progress, signal) => this.#prepare(subject, progress, signal),
    create: (subject, _progress, signal) => this.#create(subject, signal),
    start: (subject, _progress, signal) => this.#start(subject, signal),
    'after-start': (subject, _progress, signal) => this.#hooks(subject, 'post_start', signal),
    'before-stop': (subject, _progress, signal) => this.#hooks(subject, 'pre_stop', signal),
    stop: (subject, _progress, signal) => this.#stop(subject, signal),
    remove: (subject, _progress, signal) => this.#remove(subject, signal),
  };

  constructor(around: ActionSurroundings) {
    this.#around = around;
  }

  async perform(
    action: Exclude<Action, 'adopt'>,
    subject: Subject,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#handlers[action](subject, progress, signal);
  }

  async #prepare(subject: Subject, progress: Progress, signal: AbortSignal): Promise<void> {
    const task = present(subject.task, 'task');
    const [inputs] = await Promise.all([
      this.#inputs(task, subject.leaders, signal),
      this.#around.executor.prepare(task, this.#volumesOnly(task), progress, signal),
    ]);
    progress(inputs.networks.length > 0 ? 'image and networks ready' : 'image ready');
  }

  async #create(subject: Subject, signal: AbortSignal): Promise<void> {
    const task = present(subject.task, 'task');
    const inputs = await this.#inputs(task, subject.leaders, signal);
    // A create that is under way is not taken back: the container would be there unseen.
    await this.#gate.through(() => this.#around.executor.create(task, inputs, uncancelled), signal);
  }

  async #start(subject: Subject, signal: AbortSignal): Promise<void> {
    const task = present(subject.task, 'task');
    const container = present(subject.seen, 'container');
    const inputs = await this.#inputs(task, subject.leaders, signal);
    const { executor } = this.#around;
    const { engineRestart } = task.spec.container;
    const wasPutToRest = task.adopts !== undefined && rises({ engineRestart });
    if (wasPutToRest) await executor.setRestart(container.id, engineRestart, signal);
    // Nor is a start: the engine goes on with it, and what runs then would pass for ended.
    await this.#gate.through(() => executor.start(container.id, task, inputs, uncancelled), signal);
  }

  /** Not counted with what the engine works on: they may take long. */
  async #hooks(subject: Subject, kind: HookKind, signal: AbortSignal): Promise<void> {
    const { postStart, preStop } = present(subject.task, 'task').spec.container;
    const hooks = (kind === 'post_start' ? postStart : preStop) ?? [];
    const { id } = present(subject.seen, 'container');
    await runHooks(this.#around.executor, id, hooks, { kind, signal });
  }

  async #stop({ task, seen }: Subject, signal: AbortSignal): Promise<void> {
    const { executor } = this.#around;
    const { id } = present(seen, 'container');
    const isKept = task !== undefined && task.desired !== 'remove';
    await this.#stopGate.through(async () => {
      if (isKept && rises(task.spec.container)) {
        await executor.setRestart(id, { name: 'no' }, signal);
      }
      await executor.stop(id, stopGraceMs(task), signal);
    }, signal);
  }

  async #remove(subject: Subject, signal: AbortSignal): Promise<void> {
    const container = present(subject.seen, 'container');
    await this.#gate.through(() => this.#around.executor.remove(container.id, signal), signal);
  }

  #volumesOnly(task: AssignedTask): TaskInputs {
    return { volumes: this.#volumes(task), files: [], networks: [] };
  }

  #volumes(task: AssignedTask): TaskInputs['volumes'] {
    const wanted = this.#around.wanted();
    return task.spec.container.mounts.flatMap((mount) => {
      if (mount.type !== 'volume' || mount.source === undefined) return [];
      const spec = wanted?.volumes.find((volume) => volume.name === mount.source);
      return spec === undefined ? [] : [spec];
    });
  }

  async #inputs(
    task: AssignedTask,
    leaders: readonly SeenLeader[],
    signal: AbortSignal,
  ): Promise<TaskInputs> {
    const networks = await this.#attachments(task, signal);
    const nameserver = this.#nameserver(task);
    return {
      volumes: this.#volumes(task),
      files: this.#around.wanted()?.files ?? [],
      networks,
      leaders: new Map(
        leaders.flatMap(({ tie, seen }) => (seen === undefined ? [] : [[tie.service, seen.id]])),
      ),
      ...(nameserver === undefined ? {} : { nameserver }),
    };
  }

  async #attachments(
    task: AssignedTask,
    signal: AbortSignal,
  ): Promise<readonly EngineAttachment[]> {
    if (task.spec.container.networkMode.kind !== 'networks') return [];
    const { dataPlane } = this.#around;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(networkDeadlineMs)]);
    return await Promise.all(
      task.attachments.map(async (attachment) => {
        const { engineNetwork } = await dataPlane
          .ready(attachment.networkId, deadline)
          .catch((error: unknown) => {
            if (signal.aborted || !deadline.aborted) throw error;
            throw new AppError('timeout', `network ${attachment.network} is not ready yet`);
          });
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

  /** Gateway of the first network: of its own, or of the task whose network namespace it shares. */
  #nameserver(task: AssignedTask): string | undefined {
    if (this.#around.dataPlane.mode !== 'overlay') return undefined;
    const mode = task.spec.container.networkMode;
    const holder = mode.kind === 'service' ? this.#around.leaderTask(task, mode.service) : task;
    if (holder?.spec.container.networkMode.kind !== 'networks') return undefined;
    const networkId = holder.attachments[0]?.networkId;
    return this.#around.wanted()?.networks.find((network) => network.id === networkId)?.gateway;
  }
}

/** An engine that comes back starts such a container even when it had been stopped. */
function rises({ engineRestart }: Pick<ContainerSpec, 'engineRestart'>): boolean {
  return engineRestart.name === 'always';
}

function present<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new AppError('internal', `there is no ${what} to act on`);
  return value;
}
