import type { Clock } from '../../manager/common/base/clock.js';
import { AppError, isAppError, messageOf, toAppError } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import type { NetworkId } from '../../manager/common/model/ids.js';
import type { NodeDescription } from '../../manager/common/model/node.js';
import type {
  ReceivedChange,
  ReceivedSet,
} from '../../manager/common/protocol/assignment-decoders.js';
import {
  decodeManagerMessage,
  type ReceivedCall,
  type ReceivedMessage,
} from '../../manager/common/protocol/manager-message.js';
import {
  protocolVersion,
  type TaskReport,
  type WorkerMessage,
} from '../../manager/common/protocol/messages.js';
import type { Fields } from '../../manager/common/base/decode.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import type { Reporter } from './reporter.js';
import { PendingRequests } from './requests.js';

/** The worker's functions that a session calls. */
export interface ManagerSessionDependencies {
  readonly clusterId: string;
  readonly nodeId: string;
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly reporter: Reporter;
  /** Whether this node's engine answers. */
  engine(): 'answering' | 'silent';
  describe(signal: AbortSignal): Promise<NodeDescription>;
  reports(): readonly TaskReport[];
  volumes(signal: AbortSignal): Promise<readonly string[]>;
  networks(): readonly NetworkId[];
  /** Networks that the engine refuses to remove. */
  stuckNetworks?(): readonly { readonly networkId: NetworkId; readonly problem: string }[];
  /** Both handlers are awaited before the next message is read. */
  onAssignments(received: ReceivedSet): Promise<void>;
  onChange(received: ReceivedChange): Promise<void>;
  /** Called when the node's tasks are replaced elsewhere because its engine does not answer. */
  onFence?(): Promise<void>;
  call(call: ReceivedCall, signal: AbortSignal): Promise<unknown>;
  /** Called when the manager requests a new certificate. */
  renewCertificate?(): void;
  /**
   * Called with the revoked authorities: managers with certificates from them are no longer
   * trusted.
   */
  refuseAuthorities?(ids: readonly string[]): void;
  /** Serves a stream on a separate connection to the same manager; never throws. */
  openStream(streamId: string, request: Fields, signal: AbortSignal): Promise<void>;
}

/** Result of a session that ended without an error. */
export interface ManagerSessionEnd {
  /** Address of the leader, if the manager sent a redirect. */
  readonly leader?: string;
}

const welcomeDeadlineMs = 5_000;
/** Slightly longer than the manager's own limit for an image transfer. */
const imageDeadlineMs = 20 * 60_000;
const certificateDeadlineMs = 60_000;

/**
 * One connection to a manager: sends hello with the full state, then heartbeats and reports;
 * receives assignments and calls.
 */
export class ManagerSession {
  readonly #stream: MessageStream;
  readonly #deps: ManagerSessionDependencies;
  readonly #calls = new Map<number, AbortController>();
  readonly #abort = new AbortController();
  #stopHeartbeat: () => void = () => undefined;
  #managers: readonly string[] = [];
  #welcomed = false;
  readonly #requests: PendingRequests;

  constructor(stream: MessageStream, deps: ManagerSessionDependencies) {
    this.#stream = stream;
    this.#deps = deps;
    this.#requests = new PendingRequests(deps.clock, this.#abort.signal);
  }

  /** Addresses of all managers, as last received. */
  get managers(): readonly string[] {
    return this.#managers;
  }

  get welcomed(): boolean {
    return this.#welcomed;
  }

  /** Runs until the connection ends; throws the error that ended it. */
  async run(signal: AbortSignal): Promise<ManagerSessionEnd> {
    const { clock, reporter } = this.#deps;
    const close = (): void => {
      this.#stream.close();
    };
    signal.addEventListener('abort', close, { once: true });
    const cancelDeadline = clock.after(welcomeDeadlineMs, () => {
      if (!this.#welcomed) close();
    });
    try {
      await this.#hello(signal);
      for await (const message of this.#stream) {
        if (typeof message !== 'string') continue;
        const decoded = this.#decode(message);
        if (decoded === undefined) continue;
        const end = await this.#onMessage(decoded);
        if (end !== undefined) return end;
      }
      return {};
    } finally {
      signal.removeEventListener('abort', close);
      cancelDeadline();
      reporter.detach();
      this.#stopHeartbeat();
      this.#abort.abort(new AppError('unavailable', 'manager session has ended'));
      close();
    }
  }

  /** Sends the ids of the networks on this node; no-op before the manager's welcome. */
  sendNetworks(networks: readonly NetworkId[]): void {
    if (!this.#welcomed) return;
    const stuck = this.#deps.stuckNetworks?.() ?? [];
    this.#send({ kind: 'networks', networks, ...(stuck.length === 0 ? {} : { stuck }) });
  }

  /** Sends a changed node description; no-op before the manager's welcome. */
  sendDescription(description: NodeDescription): void {
    if (this.#welcomed) this.#send({ kind: 'description', description });
  }

  /** Sends whether the engine answers; heartbeats repeat it. */
  sendEngine(): void {
    if (this.#welcomed) this.#heartbeat();
  }

  /**
   * Requests an image from another node; resolves with that node's name once the image is here.
   * Fails as `not-found` if no node has it, as `unavailable` if the session ends first.
   */
  requestImage(image: string, platform: string | undefined, signal: AbortSignal): Promise<string> {
    const platformField = platform === undefined ? {} : { platform };
    return this.#requests.ask(
      (requestId) => {
        this.#send({ kind: 'want-image', requestId, image, ...platformField });
      },
      {
        deadlineMs: imageDeadlineMs,
        late: `image ${image} was not received from another node in time`,
        signal,
      },
    );
  }

  /** Requests a signed certificate for this node; resolves with the certificate chain. */
  signCertificate(request: string, signal: AbortSignal): Promise<string> {
    return this.#requests.ask(
      (requestId) => {
        this.#send({ kind: 'renew', requestId, request });
      },
      {
        deadlineMs: certificateDeadlineMs,
        late: 'manager did not sign the certificate in time',
        signal,
      },
    );
  }

  /** Closes the session; the connector reconnects with the current certificate. */
  close(): void {
    this.#stream.close();
  }

  async #hello(signal: AbortSignal): Promise<void> {
    const deps = this.#deps;
    const [description, volumes] = await Promise.all([deps.describe(signal), deps.volumes(signal)]);
    this.#send({
      kind: 'hello',
      version: protocolVersion,
      clusterId: deps.clusterId,
      nodeId: deps.nodeId,
      name: deps.name,
      description,
      reports: deps.reports(),
      volumes,
      networks: deps.networks(),
      ...silence(deps.engine()),
    });
  }

  /** Undefined for a message of a newer manager that this worker may ignore. */
  #decode(text: string): ReceivedMessage | undefined {
    try {
      return decodeManagerMessage(text);
    } catch (error) {
      if (!isAppError(error) || error.kind !== 'unsupported') throw error;
      this.#deps.log.warn(error.message);
      return undefined;
    }
  }

  async #onMessage(message: ReceivedMessage): Promise<ManagerSessionEnd | undefined> {
    switch (message.kind) {
      case 'redirect':
        return message.leader === undefined ? {} : { leader: message.leader };
      case 'assignments':
        await this.#deps.onAssignments(message);
        return undefined;
      case 'change':
        await this.#deps.onChange(message);
        return undefined;
      case 'fence':
        await this.#deps.onFence?.();
        return undefined;
      default:
        this.#onUnorderedMessage(message);
        return undefined;
    }
  }

  /** Handles messages that later messages need not wait for. */
  #onUnorderedMessage(
    message: Exclude<ReceivedMessage, { kind: 'redirect' | 'assignments' | 'change' | 'fence' }>,
  ): void {
    const deps = this.#deps;
    switch (message.kind) {
      case 'welcome':
        this.#welcome(message.heartbeatMs, message.managers);
        if (message.refusedAuthorities !== undefined) {
          deps.refuseAuthorities?.(message.refusedAuthorities);
        }
        return;
      case 'managers':
        this.#managers = message.managers;
        return;
      case 'call':
        void this.#serve(message.callId, message.call);
        return;
      case 'cancel':
        this.#calls
          .get(message.callId)
          ?.abort(new AppError('cancelled', 'cancelled by the caller'));
        return;
      case 'image':
        this.#requests.answered({ ...message, answer: message.from });
        return;
      case 'certificate':
        this.#requests.answered({ ...message, answer: message.chain });
        return;
      case 'renew-now':
        deps.renewCertificate?.();
        return;
      case 'refuse-authorities':
        deps.refuseAuthorities?.(message.ids);
        return;
      case 'open':
        void deps.openStream(message.streamId, message.request, this.#abort.signal);
    }
  }

  #welcome(heartbeatMs: number, managers: readonly string[]): void {
    this.#managers = managers;
    this.#welcomed = true;
    this.#deps.reporter.attach((reports) => {
      this.#send({ kind: 'status', reports });
    });
    this.sendNetworks(this.#deps.networks());
    const beat = (): void => {
      this.#heartbeat();
      this.#stopHeartbeat = this.#deps.clock.after(heartbeatMs, beat);
    };
    beat();
  }

  #heartbeat(): void {
    this.#send({ kind: 'heartbeat', ...silence(this.#deps.engine()) });
  }

  async #serve(callId: number, call: ReceivedCall): Promise<void> {
    const abort = new AbortController();
    this.#calls.set(callId, abort);
    try {
      const signal = AbortSignal.any([abort.signal, this.#abort.signal]);
      const result = await this.#deps.call(call, signal);
      this.#send({ kind: 'result', callId, result });
    } catch (error) {
      const { kind, message } = toAppError(error);
      this.#send({ kind: 'failure', callId, error: { kind, message } });
    } finally {
      this.#calls.delete(callId);
    }
  }

  /** Not awaited: messages keep their order, and a lost connection also ends the reading side. */
  #send(message: WorkerMessage): void {
    this.#stream.send(JSON.stringify(message)).catch((error: unknown) => {
      if (this.#abort.signal.aborted) return;
      this.#deps.log.warn(`cannot send to manager: ${messageOf(error)}`);
      this.#stream.close();
    });
  }
}

function silence(engine: 'answering' | 'silent'): { readonly engine?: 'silent' } {
  return engine === 'silent' ? { engine } : {};
}
