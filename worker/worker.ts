import type { StuckRemoval } from '../manager/common/model/network-view.js';
import { join } from 'node:path';
import { array, string } from '../manager/common/base/decode.js';
import type { Clock } from '../manager/common/base/clock.js';
import { messageOf } from '../manager/common/base/errors.js';
import { ReconcileLoop } from '../manager/common/base/loop.js';
import type { Logger } from '../manager/common/base/log.js';
import type { NetworkId } from '../manager/common/model/ids.js';
import { AssignmentApplier } from './assignment-applier.js';
import { DurableFile } from './assignments/durable-file.js';
import { prepareSecretsDir } from './assignments/saved-set.js';
import type { Engine } from './engine.js';
import type { DataPlane } from './executor/data-plane.js';
import { readEngineDescription } from './executor/docker/engine-description.js';
import { NodeFacts } from './node-facts.js';
import { workerCalls } from './session/calls.js';
import { Connector, type DialManager } from './session/connector.js';
import type { WorkerCredentials } from './session/credentials.js';
import { Reporter } from './session/reporter.js';
import { OpenProcesses } from './session/served-stream.js';
import { serveStream } from './session/streams.js';
import type { EffectiveSettings } from './settings.js';
import { TaskActions } from './tasks/actions.js';
import { PersistedTasks } from './tasks/persisted-tasks.js';
import { RejectedTasks } from './tasks/rejected-tasks.js';
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

/** Delay that collects tasks that end together before their volumes are looked for. */
const sweepDelayMs = 500;
/** The hello must be sent within the manager's deadline, even if the engine does not answer, ms. */
const helloDeadlineMs = 3_000;

/** The worker: constructs its components, connects them, and starts and stops them in order. */
export class Worker {
  readonly #parts: WorkerDependencies;
  readonly #abort = new AbortController();
  readonly #kept: PersistedTasks;
  readonly #tasks: TaskSet;
  readonly #rejected: RejectedTasks;
  readonly #assignments: AssignmentApplier;
  readonly #facts: NodeFacts;
  readonly #connector: Connector;
  readonly #unusedVolumes: ReconcileLoop;
  /** Runs when a hello was sent without the volumes: the next session has them. */
  readonly #lateVolumes: ReconcileLoop;
  #networks: readonly NetworkId[] = [];
  #stuck: readonly StuckRemoval[] = [];
  #keepAlive: NodeJS.Timeout | undefined;

  constructor(parts: WorkerDependencies) {
    this.#parts = parts;
    const { settings, version, clock, log, engine, dataPlane } = parts;
    const reporter = new Reporter(clock);
    this.#kept = new PersistedTasks(join(settings.dataDir, 'tasks.json'), log);
    this.#tasks = this.#newTaskSet(reporter);
    this.#rejected = new RejectedTasks({
      clock,
      report: (report) => {
        reporter.update(report);
      },
      forgotten: (taskId) => {
        reporter.forget(taskId);
      },
    });
    this.#assignments = new AssignmentApplier({
      settings,
      clock,
      log,
      containers: engine.containers,
      dataPlane,
      tasks: this.#tasks,
      rejected: this.#rejected,
    });
    this.#facts = new NodeFacts({
      settings,
      version,
      log,
      readEngine: (signal) => readEngineDescription(engine.client, signal),
    });
    this.#connector = this.#newConnector(reporter);
    this.#unusedVolumes = new ReconcileLoop({
      name: 'unused volumes',
      clock,
      log,
      debounceMs: sweepDelayMs,
      reconcile: (signal) => this.#removeUnusedVolumes(signal),
    });
    this.#lateVolumes = new ReconcileLoop({
      name: 'volumes of the node',
      clock,
      log,
      reconcile: async (signal) => {
        await engine.volumes.list(signal);
        this.#connector.reconnect();
      },
    });
    this.#connectParts();
  }

  /** Starts all components; does not wait for the engine or a manager. */
  async start(): Promise<void> {
    const { settings, engine, dataPlane, log, credentials } = this.#parts;
    await this.#kept.load();
    await prepareSecretsDir(settings.secretsDir, log);
    await this.#assignments.load();
    engine.health.start();
    engine.containers.start();
    await dataPlane.start(this.#abort.signal);
    // All other timers are unref'd: this one keeps the process alive while nothing is connected.
    this.#keepAlive = setInterval(() => undefined, 60_000);
    await this.#assignments.start();
    this.#connector.start();
    credentials?.start({
      sign: (request, signal) => this.#connector.signCertificate(request, signal),
      reconnect: () => {
        this.#connector.reconnect();
      },
    });
    log.debug('worker is running');
  }

  /** Stops all components and leaves the containers running. */
  async stop(): Promise<void> {
    clearInterval(this.#keepAlive);
    this.#assignments.stop();
    this.#abort.abort();
    await Promise.all([this.#unusedVolumes.stop(), this.#lateVolumes.stop()]);
    await this.#parts.credentials?.stop();
    await this.#connector.stop();
    await this.#tasks.stop();
    await this.#parts.dataPlane.stop();
    await this.#parts.engine.containers.stop();
    await this.#parts.engine.health.stop();
  }

  #newTaskSet(reporter: Reporter): TaskSet {
    const { clock, log, engine, dataPlane } = this.#parts;
    const { executor, access, containers } = engine;
    const tasks: TaskSet = new TaskSet({
      containers,
      executor,
      actions: new TaskActions({
        clock,
        executor,
        access,
        dataPlane,
        wanted: () => this.#assignments.current,
        leaderTask: (task, service) => tasks.leaderTask(task, service),
      }),
      kept: this.#kept,
      clock,
      log,
      report: (report) => {
        const isNews = reporter.update(report);
        if (isNews) dataPlane.setDown(tasks.downTasks());
        return isNews;
      },
      forgotten: (taskId) => {
        reporter.forget(taskId);
        this.#unusedVolumes.trigger();
      },
    });
    return tasks;
  }

  #newConnector(reporter: Reporter): Connector {
    const { settings, clock, log, engine, dial, dataPlane, credentials } = this.#parts;
    const processes = new OpenProcesses();
    const tasks = this.#tasks;
    const streams = { engine, tasks, processes, log, counters: () => dataPlane.counters?.() };
    return new Connector({
      clusterId: settings.clusterId,
      nodeId: settings.nodeId,
      name: settings.name,
      managers: settings.managers,
      managersFile: new DurableFile(join(settings.dataDir, 'managers.json'), array(string), log),
      clock,
      log,
      reporter,
      dial,
      random: Math.random,
      engine: () => (engine.health.isSilent ? 'silent' : 'answering'),
      describe: (signal) => this.#facts.describe(signal),
      reports: () => [...tasks.reports(), ...this.#rejected.reports()],
      volumes: (signal) => this.#volumesForHello(signal),
      networks: () => this.#networks,
      stuckNetworks: () => this.#stuck,
      onAssignments: async (received) => {
        await this.#assignments.replace(received);
        this.#unusedVolumes.trigger();
      },
      onChange: (received) => this.#assignments.update(received),
      onFence: () => this.#assignments.fence(),
      call: workerCalls({ engine, tasks, processes, clock }),
      renewCertificate: () => credentials?.renewNow(),
      refuseAuthorities: (ids) => credentials?.refuse(ids),
      serveStream: (opened, signal) => serveStream(streams, opened, signal),
    });
  }

  async #volumesForHello(signal: AbortSignal): Promise<readonly string[]> {
    const { engine, log } = this.#parts;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(helloDeadlineMs)]);
    try {
      return (await engine.volumes.list(deadline)).map(({ name }) => name);
    } catch (error) {
      if (signal.aborted) throw error;
      log.warn(`the manager learns this node's volumes later: ${messageOf(error)}`);
      this.#lateVolumes.trigger();
      return [];
    }
  }

  #connectParts(): void {
    const { engine, dataPlane, log } = this.#parts;
    engine.images.setPeerFallback((image, platform, signal) =>
      this.#connector.requestImage(image, platform, signal),
    );
    engine.health.onChange((isSilent) => {
      log.warn(isSilent ? 'Docker engine does not answer' : 'Docker engine answers again');
      this.#connector.engineChanged();
    });
    engine.containers.onDie((container) => {
      // Runs before the container is inspected or reported, so that DNS stops returning it at once.
      dataPlane.setDown(new Set([...this.#tasks.downTasks(), container.taskId]));
    });
    engine.containers.onSync(() => {
      this.#onEngineConnected().catch((error: unknown) => {
        log.warn(messageOf(error));
      });
    });
    dataPlane.onNetworksChanged((present, stuck) => {
      this.#networks = present;
      this.#stuck = stuck;
      this.#connector.networksChanged();
    });
  }

  /** Removes anonymous volumes of slots that have no task on this node any more. */
  async #removeUnusedVolumes(signal: AbortSignal): Promise<void> {
    const { containers, slotVolumes } = this.#parts.engine;
    // The first set and each reconnect trigger this again.
    if (this.#assignments.current === undefined || !containers.connected) return;
    // Read for each volume: a task of its slot may arrive at any time. The slot of a rejected task is
    // unknown.
    const isNeeded = (service: string, slot: string): boolean =>
      this.#rejected.reports().length > 0 ||
      this.#assignments.current?.tasks.some(
        (task) => task.serviceId === service && String(task.slot) === slot,
      ) !== false;
    await slotVolumes.removeUnused(isNeeded, signal);
  }

  async #onEngineConnected(): Promise<void> {
    this.#unusedVolumes.trigger();
    await this.#facts.refresh(this.#abort.signal);
    await this.#connector.sendDescription();
  }
}
