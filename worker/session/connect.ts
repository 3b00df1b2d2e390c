import { backoffMs } from '../../manager/common/base/backoff.js';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { paths } from '../../manager/common/protocol/messages.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import { pause } from '../cancellation.js';
import { Session, type SessionSurroundings } from './session.js';
import type { StreamOrder } from './served.js';

/** Opens a connection to `path` of the manager at `address` (`host:port`). */
export type DialManager = (
  address: string,
  path: string,
  kind: 'worker' | 'stream',
  signal: AbortSignal,
) => Promise<MessageStream>;

export interface ConnectOptions extends Omit<SessionSurroundings, 'openStream'> {
  readonly dial: DialManager;
  /** The addresses known from the settings. */
  readonly managers: readonly string[];
  /** Called with the addresses that a manager told, when they are others than before. */
  readonly onManagers?: (managers: readonly string[]) => void;
  readonly random: () => number;
  readonly serveStream: (order: StreamOrder, signal: AbortSignal) => Promise<void>;
}

const backoff = { firstMs: 100, maxMs: 1_000 };

/**
 * Keeps one session with whichever manager leads, for as long as the worker lives: tries each known
 * address in turn, goes where it is sent, and waits longer with each round that fails.
 */
export class Connector {
  readonly #options: ConnectOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #managers: readonly string[];
  #session: Session | undefined;

  constructor(options: ConnectOptions) {
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

  /** Tries these before those of the settings, which may be older. */
  know(managers: readonly string[]): void {
    this.#managers = [...new Set([...managers, ...this.#options.managers])];
  }

  /** Passes on which networks exist; a later session begins with them. */
  networksChanged(): void {
    this.#session?.sendNetworks(this.#options.networks());
  }

  /** Describes the machine to the manager anew; a later session begins with it. */
  async describeAgain(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    session.sendDescription(await this.#options.describe(this.#abort.signal));
  }

  /** As `Session.wantImage`, of the session there is now. */
  async wantImage(
    image: string,
    platform: string | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const session = this.#session;
    if (session?.welcomed !== true) {
      throw new AppError('unavailable', 'no manager is there to ask for an image');
    }
    return session.wantImage(image, platform, signal);
  }

  /** As `Session.signCertificate`, in the session there is now. */
  async signCertificate(request: string, signal: AbortSignal): Promise<string> {
    const session = this.#session;
    if (session?.welcomed !== true) {
      throw new AppError('unavailable', 'no manager is there to sign a certificate');
    }
    return session.signCertificate(request, signal);
  }

  /** Begins a new session, with the certificate there is now. */
  reconnect(): void {
    this.#session?.close();
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#abort;
    let failures = 0;
    let next = 0;
    let hint: string | undefined;
    while (!signal.aborted) {
      const address = hint ?? this.#managers[next % this.#managers.length] ?? '';
      if (hint === undefined) next += 1;
      const outcome = await this.#once(address, failures);
      hint = outcome.leader;
      failures = outcome.welcomed ? 0 : failures + 1;
      // A hint is followed at once, but two managers must not send us to and fro without a pause.
      if (hint !== undefined && failures < 3) continue;
      await pause(clock, backoffMs(backoff, Math.max(1, failures), random()), signal);
    }
  }

  async #once(
    address: string,
    failures: number,
  ): Promise<{ readonly welcomed: boolean; readonly leader?: string }> {
    const { log, dial, serveStream } = this.#options;
    const { signal } = this.#abort;
    let session: Session | undefined;
    try {
      const stream = await dial(address, paths.session, 'worker', signal);
      session = new Session(stream, {
        ...this.#options,
        openStream: async (streamId, request, streamSignal) => {
          try {
            const own = await dial(address, paths.workerStream + streamId, 'stream', streamSignal);
            await serveStream({ streamId, stream: own, request }, streamSignal);
          } catch (error) {
            log.warn(`${request.kind} stream: ${messageOf(error)}`);
          }
        },
      });
      this.#session = session;
      const end = await session.run(signal);
      if (session.welcomed && !signal.aborted) log.warn(`manager ${address} closed the session`);
      return { welcomed: session.welcomed, ...end };
    } catch (error) {
      // Once per outage: an attempt a second would fill the journal.
      const isNews = session?.welcomed === true || failures === 0;
      if (isNews && !signal.aborted) log.warn(messageOf(error), { manager: address });
      return { welcomed: session?.welcomed ?? false };
    } finally {
      if (session !== undefined) this.#learn(session.managers);
      this.#session = undefined;
    }
  }

  #learn(told: readonly string[]): void {
    const before = this.#managers.join();
    if (told.length > 0) this.know(told);
    if (this.#managers.join() !== before) this.#options.onManagers?.(this.#managers);
  }
}
