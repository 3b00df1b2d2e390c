import { array, decode, nonEmptyString, object } from '../../../manager/common/base/decode.js';
import { backoffMs } from '../../../manager/common/base/backoff.js';
import type { Clock } from '../../../manager/common/base/clock.js';
import { isNotFound, messageOf } from '../../../manager/common/base/errors.js';
import type { Logger } from '../../../manager/common/base/log.js';
import { deferred, pause, untilAborted } from '../../../manager/common/base/cancellation.js';
import { isLiveContainer, type ObservedContainer, type ContainerCache } from '../executor.js';
import { decoded, type EngineClient } from './client.js';
import { JsonLines } from '../json-lines.js';
import { watchedEvents, classifyEvent, containerEvent, type ContainerEvent } from './events.js';
import { clusterLabel } from '../../../manager/common/model/container-labels.js';
import { inspectedContainer, toObservedContainer } from './observe.js';

const listedContainers = array(object<{ readonly Id: string }>({ Id: nonEmptyString }));

export interface ContainerWatchOptions {
  readonly client: EngineClient;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

/**
 * Cache of the cluster's containers, updated by one event stream. The stream is opened before the
 * containers are listed, so that no change is missed; after a disconnect everything is listed
 * again. Starts by the worker itself need no inspection: the event is expected and the caller
 * records the start.
 */
export class ContainerWatch implements ContainerCache {
  readonly #options: ContainerWatchOptions;
  readonly #abort = new AbortController();
  readonly #seen = new Map<string, ObservedContainer>();
  readonly #eventCount = new Map<string, number>();
  readonly #ownStarts = new Set<string>();
  readonly #inspecting = new Map<string, Promise<void>>();
  readonly #inspectAgain = new Set<string>();
  /** Containers whose malformed record was logged. */
  readonly #malformed = new Set<string>();
  readonly #changeCallbacks: ((containerId: string) => void)[] = [];
  readonly #syncCallbacks: (() => void)[] = [];
  readonly #dieCallbacks: ((container: ObservedContainer) => void)[] = [];
  readonly #firstSync = deferred<undefined>();
  #running: Promise<void> | undefined;
  #connected = false;
  #hasSynced = false;

  constructor(options: ContainerWatchOptions) {
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

  all(): Iterable<ObservedContainer> {
    return this.#seen.values();
  }

  get(containerId: string): ObservedContainer | undefined {
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

  /**
   * Registers a callback for `die` events; it runs in the same tick, before the container is
   * inspected.
   */
  onDie(callback: (container: ObservedContainer) => void): void {
    this.#dieCallbacks.push(callback);
  }

  /** Records a newly created container without inspecting it. */
  noteCreated(container: ObservedContainer): void {
    this.#set(container);
  }

  noteRemoved(containerId: string): void {
    this.#eventCount.delete(containerId);
    this.#malformed.delete(containerId);
    if (this.#seen.delete(containerId)) this.#changed(containerId);
  }

  noteRenamed(containerId: string, name: string): void {
    const seen = this.#seen.get(containerId);
    if (seen !== undefined) this.#set({ ...seen, name });
  }

  /**
   * Runs a start by the worker. Afterwards the container is recorded as running, unless other
   * events arrived meanwhile or it has state that only an inspection shows (a port chosen by the
   * engine).
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
    const noEvents = (this.#eventCount.get(containerId) ?? 0) === before;
    if (seen === undefined || expected.inspect || !noEvents) {
      await this.inspect(containerId);
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

  /**
   * Inspects one container. Calls during an inspection are coalesced into one more inspection after
   * it.
   */
  async inspect(containerId: string): Promise<void> {
    const current = this.#inspecting.get(containerId);
    if (current !== undefined) {
      this.#inspectAgain.add(containerId);
      await current;
      return;
    }
    const work = this.#inspectUntilSettled(containerId).finally(() => {
      this.#inspecting.delete(containerId);
    });
    this.#inspecting.set(containerId, work);
    await work;
  }

  async #inspectUntilSettled(containerId: string): Promise<void> {
    do {
      this.#inspectAgain.delete(containerId);
      await this.#inspect(containerId);
    } while (this.#inspectAgain.has(containerId));
  }

  async #inspect(containerId: string): Promise<void> {
    const { client } = this.#options;
    try {
      const inspected: unknown = await client.call(
        `inspect container ${containerId.slice(0, 12)}`,
        (docker, abortSignal) => docker.getContainer(containerId).inspect({ abortSignal }),
        this.#abort.signal,
        15_000,
      );
      const seen = this.#observe(containerId, inspected);
      if (seen !== undefined) this.#set(seen);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.noteRemoved(containerId);
    }
  }

  /** A malformed record is skipped: it must not hide the other containers. */
  #observe(containerId: string, inspected: unknown): ObservedContainer | undefined {
    try {
      const source = `container ${containerId.slice(0, 12)}: malformed engine answer`;
      const seen = toObservedContainer(decode(inspected, inspectedContainer, source));
      this.#malformed.delete(containerId);
      return seen;
    } catch (error) {
      if (!this.#malformed.has(containerId)) {
        this.#options.log.warn(`${messageOf(error)}; the container is ignored`);
      }
      this.#malformed.add(containerId);
      return undefined;
    }
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#abort;
    for (let failures = 0; !signal.aborted;) {
      failures = await this.#attempt(failures);
      this.#connected = false;
      await pause(clock, backoffMs({ firstMs: 50, maxMs: 500 }, failures, random()), signal);
    }
  }

  /** Follows the event stream until it ends; returns the number of consecutive failed attempts. */
  async #attempt(failures: number): Promise<number> {
    let before = failures;
    try {
      await this.#follow(() => {
        before = 0;
      });
    } catch (error) {
      const isFirstFailure = before === 0 && !this.#abort.signal.aborted;
      if (isFirstFailure)
        this.#options.log.warn(`engine events: ${messageOf(error)}; reconnecting`);
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
      event: watchedEvents,
    });
    const stream = await client.open(
      'follow engine events',
      (docker, abortSignal) => docker.getEvents({ filters, abortSignal }),
      signal,
    );
    const lines = new JsonLines(containerEvent, 'engine events', (error) => {
      log.warn(`${error.message}; the event is ignored`);
    });
    stream.on('data', (chunk: Uint8Array) => {
      for (const event of lines.push(chunk)) {
        if (event !== undefined) this.#onEvent(event);
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
    if (!signal.aborted)
      log.warn('engine events: stream ended, the engine stopped or is restarting; reconnecting');
  }

  async #resync(): Promise<void> {
    const { client, clusterId } = this.#options;
    const filters = { label: [`${clusterLabel}=${clusterId}`] };
    const listed = await client.call(
      'list containers',
      decoded(listedContainers, (docker, abortSignal) =>
        docker.listContainers({ all: true, filters: JSON.stringify(filters), abortSignal }),
      ),
      this.#abort.signal,
    );
    const ids = listed.map((container) => container.Id);
    const present = new Set(ids);
    for (const id of [...this.#seen.keys()]) if (!present.has(id)) this.noteRemoved(id);
    const next = ids[Symbol.iterator]();
    const inspectRest = async (): Promise<void> => {
      for (const id of next) await this.inspect(id);
    };
    await Promise.all([inspectRest(), inspectRest(), inspectRest(), inspectRest()]);
  }

  #onEvent(event: ContainerEvent): void {
    const { containerId } = event;
    const meaning = classifyEvent(event.action);
    if (meaning.kind === 'ignore') return;
    const seen = this.#seen.get(containerId);
    if (meaning.kind === 'started' && this.#ownStarts.has(containerId)) return;
    // A rename by the worker; the caller records it.
    if (seen === undefined && event.action === 'rename') return;
    this.#eventCount.set(containerId, (this.#eventCount.get(containerId) ?? 0) + 1);
    if (meaning.kind === 'gone') {
      this.noteRemoved(containerId);
    } else if (meaning.kind === 'health') {
      if (seen !== undefined && isLiveContainer(seen))
        this.#set({ ...seen, health: meaning.health });
      else this.#inspectInBackground(containerId);
    } else {
      if (event.action === 'die' && seen !== undefined) {
        for (const callback of this.#dieCallbacks) callback(seen);
      }
      this.#inspectInBackground(containerId);
    }
  }

  #inspectInBackground(containerId: string): void {
    this.inspect(containerId).catch((error: unknown) => {
      if (this.#abort.signal.aborted) return;
      // If the engine is down, the list after the reconnect covers it; otherwise inspect again.
      this.#options.log.warn(messageOf(error));
      this.#options.clock.after(1_000, () => {
        if (this.#connected) this.#inspectInBackground(containerId);
      });
    });
  }

  #set(container: ObservedContainer): void {
    this.#seen.set(container.id, container);
    this.#changed(container.id);
  }

  #changed(containerId: string): void {
    for (const callback of this.#changeCallbacks) callback(containerId);
  }
}
