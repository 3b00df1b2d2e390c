import { backoffMs } from '../../manager/common/base/backoff.js';
import { AppError, isInvalid, messageOf } from '../../manager/common/base/errors.js';
import { apiPaths } from '../../manager/common/protocol/messages.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import { pause } from '../../manager/common/base/cancellation.js';
import type { DurableFile } from '../assignments/durable-file.js';
import { ManagerSession, type ManagerSessionDependencies } from './session.js';
import type { OpenedStream } from './served-stream.js';

/** Opens a connection to `path` of the manager at `address` (`host:port`). */
export type DialManager = (
  address: string,
  path: string,
  kind: 'worker' | 'stream',
  signal: AbortSignal,
) => Promise<MessageStream>;

export interface ConnectorOptions extends Omit<ManagerSessionDependencies, 'openStream'> {
  readonly dial: DialManager;
  /** Manager addresses from the settings. */
  readonly managers: readonly string[];
  /** Keeps the addresses that managers announced; without it they are lost at a restart. */
  readonly managersFile?: Pick<DurableFile<readonly string[]>, 'load' | 'save'>;
  readonly random: () => number;
  readonly serveStream: (order: OpenedStream, signal: AbortSignal) => Promise<void>;
}

const backoff = { firstMs: 100, maxMs: 1_000 };

/**
 * Maintains one session with the leading manager for the life of the worker: tries the known
 * addresses in turn, follows redirects, and backs off after each failed attempt.
 */
export class Connector {
  readonly #options: ConnectorOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #managers: readonly string[];
  #session: ManagerSession | undefined;

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.#managers = options.managers;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  /** Sends the current networks to the manager; a later session starts with them. */
  networksChanged(): void {
    this.#session?.sendNetworks(this.#options.networks());
  }

  /** Tells the manager that the engine has fallen silent or answers again. */
  engineChanged(): void {
    this.#session?.sendEngine();
  }

  /** Sends a new node description to the manager; a later session starts with it. */
  async sendDescription(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    session.sendDescription(await this.#options.describe(this.#abort.signal));
  }

  /**
   * Requests an image from another node through the current session; fails as `unavailable` without
   * one.
   */
  async requestImage(
    image: string,
    platform: string | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const session = this.#session;
    if (session?.welcomed !== true) {
      throw new AppError('unavailable', 'no manager is connected; cannot request an image');
    }
    return session.requestImage(image, platform, signal);
  }

  /**
   * Requests a signed certificate through the current session; fails as `unavailable` without one.
   */
  async signCertificate(request: string, signal: AbortSignal): Promise<string> {
    const session = this.#session;
    if (session?.welcomed !== true) {
      throw new AppError('unavailable', 'no manager is connected; cannot renew the certificate');
    }
    return session.signCertificate(request, signal);
  }

  /** Closes the session, so that a new one starts with the current certificate. */
  reconnect(): void {
    this.#session?.close();
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#abort;
    await this.#loadManagers();
    let failures = 0;
    let next = 0;
    let redirect: string | undefined;
    while (!signal.aborted) {
      const address = redirect ?? this.#managers[next % this.#managers.length] ?? '';
      if (redirect === undefined) next += 1;
      const outcome = await this.#attempt(address, failures);
      redirect = outcome.leader;
      failures = outcome.healthy ? 0 : failures + 1;
      // A redirect is followed at once, but two managers that redirect to each other must not cause
      // a busy loop.
      if (redirect !== undefined && failures < 3) continue;
      await pause(clock, backoffMs(backoff, Math.max(1, failures), random()), signal);
    }
  }

  async #attempt(
    address: string,
    failures: number,
  ): Promise<{ readonly healthy: boolean; readonly leader?: string }> {
    const { log, dial, serveStream } = this.#options;
    const { signal } = this.#abort;
    let session: ManagerSession | undefined;
    try {
      const stream = await dial(address, apiPaths.session, 'worker', signal);
      session = new ManagerSession(stream, {
        ...this.#options,
        openStream: async (streamId, request, streamSignal) => {
          try {
            const connection = await dial(
              address,
              apiPaths.workerStream + streamId,
              'stream',
              streamSignal,
            );
            await serveStream({ streamId, stream: connection, request }, streamSignal);
          } catch (error) {
            log.warn(`${String(request.kind)} stream failed: ${messageOf(error)}`);
          }
        },
      });
      this.#session = session;
      const end = await session.run(signal);
      if (session.welcomed && !signal.aborted) log.warn(`manager ${address} closed the session`);
      return { healthy: session.welcomed, ...end };
    } catch (error) {
      // Logged once per outage, as several attempts a second would flood the journal.
      const isFirstFailure = session?.welcomed === true || failures === 0;
      if (isFirstFailure && !signal.aborted) log.warn(messageOf(error), { manager: address });
      // The next session would receive the same malformed message at once.
      return { healthy: session?.welcomed === true && !isInvalid(error) };
    } finally {
      if (session !== undefined) this.#updateManagers(session.managers);
      this.#session = undefined;
    }
  }

  async #loadManagers(): Promise<void> {
    const { managersFile, log } = this.#options;
    try {
      this.#addManagers((await managersFile?.load()) ?? []);
    } catch (error) {
      log.warn(`${messageOf(error)}; only the managers from the settings are tried`);
    }
  }

  #updateManagers(addresses: readonly string[]): void {
    const before = this.#managers.join();
    if (addresses.length > 0) this.#addManagers(addresses);
    if (this.#managers.join() === before) return;
    const { managersFile, log } = this.#options;
    managersFile?.save(this.#managers).catch((error: unknown) => {
      log.warn(messageOf(error));
    });
  }

  /** Adds addresses that are tried before those from the settings, which may be older. */
  #addManagers(managers: readonly string[]): void {
    this.#managers = [...new Set([...managers, ...this.#options.managers])];
  }
}
