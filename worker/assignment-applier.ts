import { backoffMs } from '../manager/common/base/backoff.js';
import type { Clock } from '../manager/common/base/clock.js';
import { isAppError, messageOf } from '../manager/common/base/errors.js';
import type { Logger } from '../manager/common/base/log.js';
import type { TaskId } from '../manager/common/model/ids.js';
import type {
  MalformedTask,
  ReceivedChange,
  ReceivedSet,
} from '../manager/common/protocol/assignment-decoders.js';
import type { AssignmentSet } from '../manager/common/protocol/assignments.js';
import { applyChange, changesTasks } from './assignments/apply-change.js';
import { resolveMalformed } from './assignments/malformed-tasks.js';
import {
  belongsToNode,
  readBootId,
  SavedAssignments,
  type SavedSet,
  type SavedSetPaths,
} from './assignments/saved-set.js';
import { containerDnsOf } from './dns.js';
import type { DataPlane } from './executor/data-plane.js';
import type { ContainerCache } from './executor/executor.js';
import type { RejectedTasks } from './tasks/rejected-tasks.js';
import type { TaskSet } from './tasks/task-set.js';

export interface AssignmentApplierDependencies {
  readonly settings: SavedSetPaths & { readonly nodeId: string };
  readonly clock: Clock;
  readonly log: Logger;
  readonly containers: Pick<ContainerCache, 'synced'>;
  readonly dataPlane: Pick<
    DataPlane,
    'setView' | 'setContainerDns' | 'setDown' | 'beginIsolation' | 'endIsolation'
  >;
  readonly tasks: Pick<TaskSet, 'isolateOrphans' | 'apply' | 'downTasks'>;
  readonly rejected: Pick<RejectedTasks, 'set'>;
}

/** Time after a reboot to wait for a manager before the saved assignment set is used. */
const managerDeadlineMs = 3_000;

/** Maximum wait for the engine before a full set is applied. */
const engineDeadlineMs = 10_000;
const saveDelayMs = 1_000;
const isolationBackoff = { firstMs: 500, maxMs: 15_000 } as const;

/** Saves the assignments of this node and applies them to its tasks and networks. */
export class AssignmentApplier {
  readonly #deps: AssignmentApplierDependencies;
  readonly #saved: SavedAssignments;
  readonly #abort = new AbortController();
  #bootId = '';
  #lastSet: SavedSet | undefined;
  #current: AssignmentSet | undefined;
  /** Reasons of rejected tasks by id. */
  #rejected: ReadonlyMap<TaskId, string> = new Map();
  #cancelSave: (() => void) | undefined;
  #cancelSavedSet: () => void = () => undefined;
  #adoptions = 0;
  #isolationEnded = false;
  #cancelEndIsolation: () => void = () => undefined;

  constructor(deps: AssignmentApplierDependencies) {
    this.#deps = deps;
    this.#saved = new SavedAssignments(deps.settings, deps.log);
  }

  /** The applied set; undefined until the first one. */
  get current(): AssignmentSet | undefined {
    return this.#current;
  }

  /** Reads the saved set of this node. */
  async load(): Promise<void> {
    this.#bootId = await readBootId();
    const saved = await this.#saved.load();
    this.#lastSet = belongsToNode(saved, this.#deps.settings) ? saved : undefined;
  }

  /**
   * Applies the loaded set. If only the worker restarted, names must resolve at once. After a reboot
   * the tasks may have been rescheduled: a manager gets time to send its set first.
   */
  async start(): Promise<void> {
    const last = this.#lastSet;
    if (last === undefined) return;
    if (last.bootId === this.#bootId) {
      await this.#startFrom(last.set, false);
      return;
    }
    const { clock, log } = this.#deps;
    this.#cancelSavedSet = clock.after(managerDeadlineMs, () => {
      this.#startFrom(last.set, true).catch((error: unknown) => {
        log.error(messageOf(error));
      });
    });
  }

  /** Cancels pending saves; the last saved set remains. */
  stop(): void {
    this.#cancelEndIsolation();
    this.#cancelSavedSet();
    this.#cancelSave?.();
    this.#abort.abort();
  }

  /** Saves and applies a full set from a manager. */
  async replace({ set: received, malformed }: ReceivedSet): Promise<void> {
    this.#cancelSavedSet();
    const former = (this.#current ?? this.#lastSet?.set)?.tasks ?? [];
    const { kept, rejected } = resolveMalformed(malformed, former);
    const set = { ...received, tasks: [...received.tasks, ...kept] };
    await this.#save(set);
    this.#lastSet = undefined;
    this.#reject(rejected, new Map());
    await this.#adopt(set);
  }

  /** Saves and applies a change; ignored before the first full set. */
  async update({ change: received, malformed }: ReceivedChange): Promise<void> {
    if (this.#current === undefined) return;
    const { kept, rejected } = resolveMalformed(malformed, this.#current.tasks);
    const tasks = [...(received.upsert.tasks ?? []), ...kept];
    const change = { ...received, upsert: { ...received.upsert, tasks } };
    const next = applyChange(this.#current, change);
    // After a crash, a container whose task was not saved would be removed as orphaned.
    if (changesTasks(change)) await this.#save(next);
    else this.#scheduleSave();
    const former = new Map(this.#rejected);
    for (const id of [...(change.remove.tasks ?? []), ...tasks.map((task) => task.id)]) {
      former.delete(id);
    }
    this.#reject(rejected, former);
    this.#apply(next);
  }

  /** Rejects the tasks in addition to `former`, which were rejected before. */
  #reject(tasks: readonly MalformedTask[], former: ReadonlyMap<TaskId, string>): void {
    for (const { reason } of tasks) this.#deps.log.error(reason);
    if (tasks.length === 0 && former.size === this.#rejected.size) return;
    this.#rejected = new Map([...former, ...tasks.map(({ id, reason }) => [id, reason] as const)]);
    this.#deps.rejected.set(this.#rejected);
  }

  /**
   * Cuts the containers off until the next full set: they are replaced on other nodes while the
   * engine does not stop them. They stay connected to each other on this machine only.
   */
  async fence(): Promise<void> {
    const { dataPlane, log } = this.#deps;
    this.#cancelEndIsolation();
    this.#isolationEnded = false;
    if (this.#current !== undefined) {
      this.#current = { ...this.#current, endpoints: [] };
      dataPlane.setView(this.#current);
    }
    log.warn('the tasks of this node are replaced on other nodes: containers are cut off');
    await dataPlane.beginIsolation(this.#abort.signal);
  }

  /** The isolation of a fenced node outlives its worker: only a set that ends a boot ends it. */
  async #startFrom(set: AssignmentSet, isAfterBoot: boolean): Promise<void> {
    this.#deps.log.info('starting from the saved assignment set', { tasks: set.tasks.length });
    await this.#adopt(set, isAfterBoot);
  }

  async #save(set: AssignmentSet): Promise<void> {
    await this.#saved.save({ bootId: this.#bootId, set });
  }

  /**
   * Saves the set after a delay. Endpoint health changes with every container of the cluster, and a
   * manager sends it again anyway; coalescing keeps these writes from delaying the engine's.
   */
  #scheduleSave(): void {
    const { clock, log } = this.#deps;
    this.#cancelSave ??= clock.after(saveDelayMs, () => {
      this.#cancelSave = undefined;
      if (this.#current === undefined || this.#abort.signal.aborted) return;
      this.#save(this.#current).catch((error: unknown) => {
        log.error(messageOf(error));
      });
    });
  }

  /** Applies a full set: orphaned containers are isolated before the networks are updated. */
  async #adopt(set: AssignmentSet, endsIsolation = true): Promise<void> {
    const adoption = (this.#adoptions += 1);
    const { containers, tasks } = this.#deps;
    const deadline = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(engineDeadlineMs)]);
    await containers.synced(deadline).catch((error: unknown) => {
      if (isAppError(error)) throw error;
    });
    await tasks.isolateOrphans(set, this.#current);
    if (endsIsolation) await this.#endIsolation();
    // A set that arrived meanwhile takes precedence.
    if (adoption === this.#adoptions) this.#apply(set);
  }

  /** Ends the isolation: the remaining containers are wanted here. Retries with back-off. */
  async #endIsolation(failures = 0): Promise<void> {
    if (this.#isolationEnded) return;
    const { clock, dataPlane, log } = this.#deps;
    try {
      await dataPlane.endIsolation(this.#abort.signal);
      this.#isolationEnded = true;
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      if (failures === 0) {
        log.warn(`isolation: cannot remove the nft table: ${messageOf(error)}; retrying`);
      }
      this.#cancelEndIsolation();
      this.#cancelEndIsolation = clock.after(backoffMs(isolationBackoff, failures + 1, 0.5), () => {
        void this.#endIsolation(failures + 1);
      });
    }
  }

  #apply(set: AssignmentSet): void {
    const { dataPlane, tasks } = this.#deps;
    const before = this.#current;
    this.#current = set;
    const { networks, endpoints, projects } = set;
    if (
      before?.networks !== networks ||
      before.endpoints !== endpoints ||
      before.projects !== projects
    ) {
      dataPlane.setView({ networks, endpoints, projects });
    }
    if (before?.tasks !== set.tasks) {
      dataPlane.setContainerDns(containerDnsOf(set));
      tasks.apply(set);
      dataPlane.setDown(tasks.downTasks());
    }
  }
}
