import { backoffMs } from '../../../manager/common/base/backoff.js';
import type { Clock } from '../../../manager/common/base/clock.js';
import { isNotFound, messageOf } from '../../../manager/common/base/errors.js';
import type { Logger } from '../../../manager/common/base/log.js';
import { deferred, pause, untilAborted } from '../../cancellation.js';
import { isLive, type SeenContainer, type SeenContainers } from '../executor.js';
import type { EngineClient } from './client.js';
import {
  heardEvents,
  JsonLines,
  meaningOf,
  toContainerEvent,
  type ContainerEvent,
} from './events.js';
import { clusterLabel } from '../../../manager/common/model/container-labels.js';
import { toSeenContainer } from './observe.js';

export interface WatchOptions {
  readonly client: EngineClient;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

/**
 * What is known of our containers, kept by one event stream. The stream is opened before the containers
 * are listed, so nothing falls between; after a break all is listed again. Containers that we start
 * ourselves are not inspected for it: their event is expected and the caller notes the start.
 */
export class ContainerWatch implements SeenContainers {
  readonly #options: WatchOptions;
  readonly #abort = new AbortController();
  readonly #seen = new Map<string, SeenContainer>();
  readonly #eventCount = new Map<string, number>();
  readonly #ownStarts = new Set<string>();
  readonly #looking = new Map<string, Promise<void>>();
  readonly #lookAgain = new Set<string>();
  readonly #changeCallbacks: ((containerId: string) => void)[] = [];
  readonly #syncCallbacks: (() => void)[] = [];
  readonly #dieCallbacks: ((container: SeenContainer) => void)[] = [];
  readonly #firstSync = deferred<undefined>();
  #running: Promise<void> | undefined;
  #connected = false;
  #hasSynced = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#connected;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  all(): Iterable<SeenContainer> {
    return this.#seen.values();
  }

  get(containerId: string): SeenContainer | undefined {
    return this.#seen.get(containerId);
  }

  async synced(signal: AbortSignal): Promise<void> {
    await untilAborted(this.#firstSync.promise, signal);
  }

  onChange(callback: (containerId: string) => void): void {
    this.#changeCallbacks.push(callback);
  }

  onSync(callback: () => void): void {
    this.#syncCallbacks.push(callback);
  }

  /** Called in the same tick as the engine's event, before anything is asked about it. */
  onDie(callback: (container: SeenContainer) => void): void {
    this.#dieCallbacks.push(callback);
  }

  /** A container just created: known without asking. */
  noteCreated(container: SeenContainer): void {
    this.#set(container);
  }

  noteRemoved(containerId: string): void {
    this.#eventCount.delete(containerId);
    if (this.#seen.delete(containerId)) this.#changed(containerId);
  }

  noteRenamed(containerId: string, name: string): void {
    const seen = this.#seen.get(containerId);
    if (seen !== undefined) this.#set({ ...seen, name });
  }

  /**
   * Runs our own start of a container. Afterwards it counts as running, unless the engine has said more
   * of it meanwhile, or it has something (a chosen port) that only an inspection tells.
   */
  async whileStarting(
    containerId: string,
    expected: { readonly inspect: boolean; readonly health: boolean },
    start: () => Promise<void>,
  ): Promise<void> {
    const before = this.#eventCount.get(containerId) ?? 0;
    this.#ownStarts.add(containerId);
    try {
      await start();
    } finally {
      this.#ownStarts.delete(containerId);
    }
    const seen = this.#seen.get(containerId);
    const quiet = (this.#eventCount.get(containerId) ?? 0) === before;
    if (seen === undefined || expected.inspect || !quiet) {
      await this.look(containerId);
      return;
    }
    const { exitCode: _code, error: _error, health: _health, ...rest } = seen;
    this.#set({
      ...rest,
      state: 'running',
      startedAt: this.#options.clock.now(),
      restarts: 0,
      ...(expected.health ? { health: 'starting' as const } : {}),
    });
  }

  /** Inspects one container. Calls while one is under way are answered by one more after it. */
  async look(containerId: string): Promise<void> {
    const current = this.#looking.get(containerId);
    if (current !== undefined) {
      this.#lookAgain.add(containerId);
      await current;
      return;
    }
    const work = this.#lookUntilQuiet(containerId).finally(() => {
      this.#looking.delete(containerId);
    });
    this.#looking.set(containerId, work);
    await work;
  }

  async #lookUntilQuiet(containerId: string): Promise<void> {
    do {
      this.#lookAgain.delete(containerId);
      await this.#inspect(containerId);
    } while (this.#lookAgain.has(containerId));
  }

  async #inspect(containerId: string): Promise<void> {
    const { client } = this.#options;
    try {
      const inspected = await client.call(
        `inspect container ${containerId.slice(0, 12)}`,
        (docker, abortSignal) => docker.getContainer(containerId).inspect({ abortSignal }),
        this.#abort.signal,
        15_000,
      );
      const seen = toSeenContainer(inspected);
      if (seen !== undefined) this.#set(seen);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.noteRemoved(containerId);
    }
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#abort;
    for (let failures = 0; !signal.aborted;) {
      failures = await this.#once(failures);
      this.#connected = false;
      await pause(clock, backoffMs({ firstMs: 50, maxMs: 500 }, failures, random()), signal);
    }
  }

  /** Follows the engine once; returns how many attempts in a row have failed then. */
  async #once(failures: number): Promise<number> {
    let before = failures;
    try {
      await this.#follow(() => {
        before = 0;
      });
    } catch (error) {
      const isNews = before === 0 && !this.#abort.signal.aborted;
      if (isNews) this.#options.log.warn(`engine events: ${messageOf(error)}`);
    }
    return before + 1;
  }

  async #follow(onConnected: () => void): Promise<void> {
    const { client, clusterId, log } = this.#options;
    const { signal } = this.#abort;
    await client.negotiate(signal);
    const filters = JSON.stringify({
      type: ['container'],
      label: [`${clusterLabel}=${clusterId}`],
      event: heardEvents,
    });
    const stream = await client.open(
      'follow the engine events',
      (docker, abortSignal) => docker.getEvents({ filters, abortSignal }),
      signal,
    );
    const lines = new JsonLines();
    stream.on('data', (chunk: Uint8Array) => {
      for (const raw of lines.push(chunk)) {
        const event = toContainerEvent(raw);
        if (event !== undefined) this.#heard(event);
      }
    });
    const ended = new Promise<void>((resolve) => {
      for (const name of ['end', 'close', 'error']) stream.on(name, resolve);
    });
    await this.#resync();
    this.#connected = true;
    onConnected();
    this.#hasSynced = true;
    this.#firstSync.resolve(undefined);
    for (const callback of this.#syncCallbacks) callback();
    await ended;
    if (!signal.aborted) log.warn('engine events ended: the engine has gone or restarts');
  }

  async #resync(): Promise<void> {
    const { client, clusterId } = this.#options;
    const filters = { label: [`${clusterLabel}=${clusterId}`] };
    const listed = await client.call(
      'list containers',
      (docker, abortSignal) =>
        docker.listContainers({ all: true, filters: JSON.stringify(filters), abortSignal }),
      this.#abort.signal,
    );
    const ids = listed.map((container) => container.Id);
    const present = new Set(ids);
    for (const id of [...this.#seen.keys()]) if (!present.has(id)) this.noteRemoved(id);
    const next = ids[Symbol.iterator]();
    const inspectRest = async (): Promise<void> => {
      for (const id of next) await this.look(id);
    };
    await Promise.all([inspectRest(), inspectRest(), inspectRest(), inspectRest()]);
  }

  #heard(event: ContainerEvent): void {
    const { containerId } = event;
    const meaning = meaningOf(event.action);
    if (meaning.kind === 'ignore') return;
    const seen = this.#seen.get(containerId);
    if (meaning.kind === 'started' && this.#ownStarts.has(containerId)) return;
    // Our own renaming, of a container that the caller notes.
    if (seen === undefined && event.action === 'rename') return;
    this.#eventCount.set(containerId, (this.#eventCount.get(containerId) ?? 0) + 1);
    if (meaning.kind === 'gone') {
      this.noteRemoved(containerId);
    } else if (meaning.kind === 'health') {
      if (seen !== undefined && isLive(seen)) this.#set({ ...seen, health: meaning.health });
      else this.#lookInBackground(containerId);
    } else {
      if (event.action === 'die' && seen !== undefined) {
        for (const callback of this.#dieCallbacks) callback(seen);
      }
      this.#lookInBackground(containerId);
    }
  }

  #lookInBackground(containerId: string): void {
    this.look(containerId).catch((error: unknown) => {
      if (this.#abort.signal.aborted) return;
      // When the engine has gone, the list after the reconnect tells; else ask once more.
      this.#options.log.warn(messageOf(error));
      this.#options.clock.after(1_000, () => {
        if (this.#connected) this.#lookInBackground(containerId);
      });
    });
  }

  #set(container: SeenContainer): void {
    this.#seen.set(container.id, container);
    this.#changed(container.id);
  }

  #changed(containerId: string): void {
    for (const callback of this.#changeCallbacks) callback(containerId);
  }
}
