import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { array, string } from '../manager/common/base/decode.js';
import type { Clock } from '../manager/common/base/clock.js';
import { isAppError, messageOf } from '../manager/common/base/errors.js';
import type { Logger } from '../manager/common/base/log.js';
import type { NetworkId } from '../manager/common/model/ids.js';
import type { NodeDescription } from '../manager/common/model/node.js';
import type { AssignmentChange, AssignmentSet } from '../manager/common/protocol/assignments.js';
import type { NodeCounters } from '../manager/common/protocol/statistics.js';
import { DurableFile } from './assignments/durable-file.js';
import {
  isInMemory,
  belongsToNode,
  readBootId,
  SavedAssignments,
} from './assignments/saved-set.js';
import { applyChange, changesTasks } from './assignments/apply-change.js';
import type { Engine } from './engine.js';
import type { DataPlane } from './executor/data-plane.js';
import {
  readEngineDescription,
  type EngineDescription,
} from './executor/docker/engine-description.js';
import { toNodeDescription } from './node-description.js';
import { upstreamsOf } from './dns.js';
import { workerCalls } from './session/calls.js';
import { Connector, type DialManager } from './session/connector.js';
import type { WorkerCredentials } from './session/credentials.js';
import { Reporter } from './session/reporter.js';
import { OpenProcesses } from './session/served-stream.js';
import { serveStream } from './session/streams.js';
import type { EffectiveSettings } from './settings.js';
import { TaskActions } from './tasks/actions.js';
import { PersistedTasks } from './tasks/persisted-tasks.js';
import { TaskSet } from './tasks/task-set.js';

export interface WorkerDependencies {
  readonly settings: EffectiveSettings;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly engine: Engine;
  readonly dataPlane: DataPlane;
  readonly dial: DialManager;
  /**
   * Credentials to renew while the worker runs; without them the certificate of `dial` is never
   * renewed.
   */
  readonly credentials?: Pick<WorkerCredentials, 'start' | 'stop' | 'renewNow' | 'refuse'>;
}

/** Time after a reboot to wait for a manager before the saved assignment set is used. */
const managerDeadlineMs = 3_000;

/** Maximum wait for the engine before a full set is applied. */
const engineDeadlineMs = 10_000;
const saveDelayMs = 1_000;

/** The worker: constructs its components, connects them and passes assignments between them. */
export class Worker {
  readonly #parts: WorkerDependencies;
  readonly #abort = new AbortController();
  readonly #reporter: Reporter;
  readonly #kept: PersistedTasks;
  readonly #tasks: TaskSet;
  readonly #saved: SavedAssignments;
  readonly #managersFile: DurableFile<readonly string[]>;
  #cancelSave: (() => void) | undefined;
  readonly #connector: Connector;
  #wanted: AssignmentSet | undefined;
  #networks: readonly NetworkId[] = [];
  #facts: EngineDescription | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #bootId = '';
  #adoptions = 0;
  #isolationEnded = false;
  #onFirstSet: () => void = () => undefined;

  constructor(parts: WorkerDependencies) {
    this.#parts = parts;
    const { settings, clock, log, engine, dataPlane } = parts;
    const { executor, access, containers } = engine;
    this.#reporter = new Reporter(clock);
    this.#kept = new PersistedTasks(join(settings.dataDir, 'tasks.json'), log);
    this.#saved = new SavedAssignments(settings, log);
    this.#managersFile = new DurableFile(
      join(settings.dataDir, 'managers.json'),
      array(string),
      log,
    );
    const actions = new TaskActions({
      executor,
      access,
      dataPlane,
      wanted: () => this.#wanted,
      leaderTask: (task, service) => this.#tasks.leaderTask(task, service),
    });
    this.#tasks = new TaskSet({
      containers,
      executor,
      actions,
      kept: this.#kept,
      clock,
      log,
      report: (report) => {
        const isNews = this.#reporter.update(report);
        if (isNews) dataPlane.setDown(this.#tasks.downTasks());
        return isNews;
      },
      forgotten: (taskId) => {
        this.#reporter.forget(taskId);
      },
    });
    this.#connector = this.#newConnector();
    engine.images.setPeerFallback((image, platform, signal) =>
      this.#connector.requestImage(image, platform, signal),
    );
    engine.containers.onDie((container) => {
      // Runs before the container is inspected or reported, so that DNS stops returning it at once.
      dataPlane.setDown(new Set([...this.#tasks.downTasks(), container.taskId]));
    });
    engine.containers.onSync(() => {
      this.#onEngineConnected().catch((error: unknown) => {
        log.warn(messageOf(error));
      });
    });
    dataPlane.onNetworksChanged((present) => {
      this.#networks = present;
      this.#connector.networksChanged();
    });
  }

  /** Starts all components; does not wait for the engine or a manager. */
  async start(): Promise<void> {
    const { engine, dataPlane, log } = this.#parts;
    await this.#kept.load();
    await this.#checkSecretsDir();
    this.#bootId = await readBootId();
    const saved = await this.#saved.load();
    const lastSet = belongsToNode(saved, this.#parts.settings) ? saved : undefined;
    this.#connector.addManagers((await this.#managersFile.load()) ?? []);
    engine.containers.start();
    await dataPlane.start(this.#abort.signal);
    // All other timers are unref'd: this one keeps the process alive while nothing is connected.
    this.#keepAlive = setInterval(() => undefined, 60_000);
    if (lastSet === undefined) {
      this.#connector.start();
    } else if (lastSet.bootId === this.#bootId) {
      // Only the worker restarted: names must resolve at once.
      await this.#startFrom(lastSet.set);
      this.#connector.start();
    } else {
      this.#startAfterBoot(lastSet.set);
    }
    this.#parts.credentials?.start({
      sign: (request, signal) => this.#connector.signCertificate(request, signal),
      reconnect: () => {
        this.#connector.reconnect();
      },
    });
    log.debug('worker is running');
  }

  async #checkSecretsDir(): Promise<void> {
    const { settings, log } = this.#parts;
    // If it cannot be created, the first task with a secret reports the error.
    await mkdir(settings.secretsDir, { recursive: true, mode: 0o700 }).catch(() => undefined);
    if (await isInMemory(settings.secretsDir)) return;
    log.warn(
      `secrets would be stored on disk: ${settings.secretsDir} is not on tmpfs; set secretsDir`,
    );
  }

  /**
   * The tasks of this node may have been rescheduled: waits for a manager before using the saved
   * set.
   */
  #startAfterBoot(set: AssignmentSet): void {
    const cancel = this.#parts.clock.after(managerDeadlineMs, () => {
      this.#startFrom(set).catch((error: unknown) => {
        this.#parts.log.error(messageOf(error));
      });
    });
    this.#onFirstSet = cancel;
    this.#connector.start();
  }

  async #startFrom(set: AssignmentSet): Promise<void> {
    this.#parts.log.info('starting from the saved assignment set', { tasks: set.tasks.length });
    await this.#adopt(set);
  }

  /** Stops all components and leaves the containers running. */
  async stop(): Promise<void> {
    clearInterval(this.#keepAlive);
    this.#cancelSave?.();
    this.#abort.abort();
    await this.#parts.credentials?.stop();
    await this.#connector.stop();
    await this.#tasks.stop();
    await this.#parts.dataPlane.stop();
    await this.#parts.engine.containers.stop();
  }

  #newConnector(): Connector {
    const { settings, clock, log, engine, dial, dataPlane, credentials } = this.#parts;
    const processes = new OpenProcesses();
    const counters = (): NodeCounters | undefined => dataPlane.counters?.();
    const tasks = this.#tasks;
    return new Connector({
      clusterId: settings.clusterId,
      nodeId: settings.nodeId,
      name: settings.name,
      managers: settings.managers,
      onManagers: (managers) => {
        this.#managersFile.save(managers).catch((error: unknown) => {
          log.warn(messageOf(error));
        });
      },
      clock,
      log,
      reporter: this.#reporter,
      dial,
      random: Math.random,
      describe: (signal) => this.#describe(signal),
      reports: () => tasks.reports(),
      volumes: async (signal) => {
        const volumes = await engine.volumes.list(signal).catch(() => []);
        return volumes.map((volume) => volume.name);
      },
      networks: () => this.#networks,
      onAssignments: (set) => this.#onAssignments(set),
      onChange: (change) => this.#onChange(change),
      call: workerCalls({ engine, tasks, processes }),
      renewCertificate: () => credentials?.renewNow(),
      refuseAuthorities: (ids) => credentials?.refuse(ids),
      serveStream: (opened, signal) =>
        serveStream({ engine, tasks, processes, log, counters }, opened, signal),
    });
  }

  /** Reads the engine's facts once per connection: `info` may take a second on a busy engine. */
  async #describe(signal: AbortSignal): Promise<NodeDescription> {
    const { settings, version } = this.#parts;
    if (this.#facts === undefined) await this.#readFacts(signal);
    return toNodeDescription(settings.address, settings.labels, version, this.#facts);
  }

  async #readFacts(signal: AbortSignal): Promise<void> {
    const { engine, log } = this.#parts;
    try {
      this.#facts = await readEngineDescription(engine.client, signal);
    } catch (error) {
      log.warn(messageOf(error));
    }
  }

  async #onEngineConnected(): Promise<void> {
    await this.#readFacts(this.#abort.signal);
    await this.#connector.sendDescription();
  }

  async #onAssignments(set: AssignmentSet): Promise<void> {
    this.#onFirstSet();
    await this.#save(set);
    await this.#adopt(set);
  }

  async #save(set: AssignmentSet): Promise<void> {
    await this.#saved.save({ bootId: this.#bootId, set });
  }

  async #onChange(change: AssignmentChange): Promise<void> {
    if (this.#wanted === undefined) return;
    const next = applyChange(this.#wanted, change);
    // After a crash, a container whose task was not saved would be removed as orphaned.
    if (changesTasks(change)) await this.#save(next);
    else this.#scheduleSave();
    this.#apply(next);
  }

  /**
   * Saves the set after a delay. Endpoint health changes with every container of the cluster, and a
   * manager sends it again anyway; coalescing keeps these writes from delaying the engine's.
   */
  #scheduleSave(): void {
    this.#cancelSave ??= this.#parts.clock.after(saveDelayMs, () => {
      this.#cancelSave = undefined;
      if (this.#wanted === undefined || this.#abort.signal.aborted) return;
      this.#save(this.#wanted).catch((error: unknown) => {
        this.#parts.log.error(messageOf(error));
      });
    });
  }

  /** Applies a full set: orphaned containers are isolated before the networks are updated. */
  async #adopt(set: AssignmentSet): Promise<void> {
    const adoption = (this.#adoptions += 1);
    const { containers } = this.#parts.engine;
    const deadline = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(engineDeadlineMs)]);
    await containers.synced(deadline).catch((error: unknown) => {
      if (isAppError(error)) throw error;
    });
    await this.#tasks.isolateOrphans(set, this.#wanted);
    await this.#endIsolation();
    // A set that arrived meanwhile takes precedence.
    if (adoption === this.#adoptions) this.#apply(set);
  }

  /**
   * Ends the boot isolation: the remaining containers are wanted here. Otherwise it ends by itself
   * after a while.
   */
  async #endIsolation(): Promise<void> {
    if (this.#isolationEnded) return;
    const { dataPlane, log } = this.#parts;
    try {
      await dataPlane.endIsolation(this.#abort.signal);
      this.#isolationEnded = true;
    } catch (error) {
      log.warn(
        `boot isolation: cannot remove the nft table: ${messageOf(error)}; it expires within a minute`,
      );
    }
  }

  #apply(set: AssignmentSet): void {
    const { dataPlane } = this.#parts;
    const before = this.#wanted;
    this.#wanted = set;
    if (before?.networks !== set.networks || before.endpoints !== set.endpoints) {
      dataPlane.setView({ networks: set.networks, endpoints: set.endpoints });
    }
    if (before?.tasks !== set.tasks) {
      dataPlane.setUpstreams(upstreamsOf(set));
      this.#tasks.apply(set);
      dataPlane.setDown(this.#tasks.downTasks());
    }
  }
}
