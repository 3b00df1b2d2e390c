import type { Clock } from '../../manager/common/base/clock.js';
import { AppError, messageOf, toAppError } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import type { NetworkId } from '../../manager/common/model/ids.js';
import type { NodeDescription } from '../../manager/common/model/node.js';
import type { AssignmentChange, AssignmentSet } from '../../manager/common/protocol/assignments.js';
import {
  protocolVersion,
  type ManagerMessage,
  type TaskReport,
  type WorkerMessage,
} from '../../manager/common/protocol/messages.js';
import type {
  MessageStream,
  WorkerCall,
  WorkerStreamRequest,
} from '../../manager/common/protocol/worker-calls.js';
import type { Reporter } from './reporter.js';
import { Requests } from './requests.js';

/** What a session needs of the worker. */
export interface SessionSurroundings {
  readonly clusterId: string;
  readonly nodeId: string;
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly reporter: Reporter;
  describe(signal: AbortSignal): Promise<NodeDescription>;
  reports(): readonly TaskReport[];
  volumes(signal: AbortSignal): Promise<readonly string[]>;
  networks(): readonly NetworkId[];
  /** Each is awaited before the next message is read. */
  onAssignments(set: AssignmentSet): Promise<void>;
  onChange(change: AssignmentChange): Promise<void>;
  call(call: WorkerCall, signal: AbortSignal): Promise<unknown>;
  /** The manager wants a new certificate to be used. */
  renewCertificate?(): void;
  /** Managers whose certificates these authorities signed are trusted no more. */
  refuseAuthorities?(ids: readonly string[]): void;
  /** Serves it on a connection of its own to the same manager; never throws. */
  openStream(streamId: string, request: WorkerStreamRequest, signal: AbortSignal): Promise<void>;
}

/** Why a session ended without an error. */
export interface SessionEnd {
  /** The manager's hint where to go. */
  readonly leader?: string;
}

const welcomeDeadlineMs = 5_000;
/** A little longer than the manager itself waits for an image to arrive. */
const imageDeadlineMs = 20 * 60_000;
const certificateDeadlineMs = 60_000;

/**
 * One connection's life with a manager: hello with all that is known, then heartbeats and reports one
 * way, assignments and calls the other.
 */
export class Session {
  readonly #stream: MessageStream;
  readonly #around: SessionSurroundings;
  readonly #calls = new Map<number, AbortController>();
  readonly #abort = new AbortController();
  #stopHeartbeat: () => void = () => undefined;
  #managers: readonly string[] = [];
  #welcomed = false;
  readonly #requests: Requests;

  constructor(stream: MessageStream, around: SessionSurroundings) {
    this.#stream = stream;
    this.#around = around;
    this.#requests = new Requests(around.clock, this.#abort.signal);
  }

  /** Addresses of every manager, as last told. */
  get managers(): readonly string[] {
    return this.#managers;
  }

  get welcomed(): boolean {
    return this.#welcomed;
  }

  /** Runs until the connection ends. Throws what ended it. */
  async run(signal: AbortSignal): Promise<SessionEnd> {
    const { clock, reporter } = this.#around;
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
        const end = await this.#heard(JSON.parse(message) as ManagerMessage);
        if (end !== undefined) return end;
      }
      return {};
    } finally {
      signal.removeEventListener('abort', close);
      cancelDeadline();
      reporter.detach();
      this.#stopHeartbeat();
      this.#abort.abort(new AppError('unavailable', 'the session with the manager has ended'));
      close();
    }
  }

  /** Tells which networks exist, once the manager knows us. */
  sendNetworks(networks: readonly NetworkId[]): void {
    if (this.#welcomed) this.#send({ kind: 'networks', networks });
  }

  /** Tells what the machine is, when that has changed. */
  sendDescription(description: NodeDescription): void {
    if (this.#welcomed) this.#send({ kind: 'description', description });
  }

  /**
   * Has the manager bring an image from another node; resolves with that node's name once it is here.
   * `not-found` when no node has it, `unavailable` when the session ends before.
   */
  wantImage(image: string, platform: string | undefined, signal: AbortSignal): Promise<string> {
    const wanted = platform === undefined ? {} : { platform };
    return this.#requests.ask(
      (requestId) => {
        this.#send({ kind: 'want-image', requestId, image, ...wanted });
      },
      {
        deadlineMs: imageDeadlineMs,
        late: `image ${image} did not come from another node in time`,
        signal,
      },
    );
  }

  /** Has the manager sign a request for this node's next certificate; resolves with the chain. */
  signCertificate(request: string, signal: AbortSignal): Promise<string> {
    return this.#requests.ask(
      (requestId) => {
        this.#send({ kind: 'renew', requestId, request });
      },
      { deadlineMs: certificateDeadlineMs, late: 'the manager did not sign in time', signal },
    );
  }

  /** Ends it; the connector comes back with what is then the certificate. */
  close(): void {
    this.#stream.close();
  }

  async #hello(signal: AbortSignal): Promise<void> {
    const around = this.#around;
    const [description, volumes] = await Promise.all([
      around.describe(signal),
      around.volumes(signal),
    ]);
    this.#send({
      kind: 'hello',
      version: protocolVersion,
      clusterId: around.clusterId,
      nodeId: around.nodeId,
      name: around.name,
      description,
      reports: around.reports(),
      volumes,
      networks: around.networks(),
    });
  }

  async #heard(message: ManagerMessage): Promise<SessionEnd | undefined> {
    switch (message.kind) {
      case 'redirect':
        return message.leader === undefined ? {} : { leader: message.leader };
      case 'assignments':
        await this.#around.onAssignments(message.set);
        return undefined;
      case 'change':
        await this.#around.onChange(message.change);
        return undefined;
      default:
        this.#heardInPassing(message);
        return undefined;
    }
  }

  /** What the messages behind it need not wait for. */
  #heardInPassing(
    message: Exclude<ManagerMessage, { kind: 'redirect' | 'assignments' | 'change' }>,
  ): void {
    const around = this.#around;
    switch (message.kind) {
      case 'welcome':
        this.#welcome(message.heartbeatMs, message.managers);
        if (message.refusedAuthorities !== undefined) {
          around.refuseAuthorities?.(message.refusedAuthorities);
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
        around.renewCertificate?.();
        return;
      case 'refuse-authorities':
        around.refuseAuthorities?.(message.ids);
        return;
      case 'open':
        void around.openStream(message.streamId, message.request, this.#abort.signal);
    }
  }

  #welcome(heartbeatMs: number, managers: readonly string[]): void {
    this.#managers = managers;
    this.#welcomed = true;
    this.#around.reporter.attach((reports) => {
      this.#send({ kind: 'status', reports });
    });
    this.sendNetworks(this.#around.networks());
    const beat = (): void => {
      this.#send({ kind: 'heartbeat' });
      this.#stopHeartbeat = this.#around.clock.after(heartbeatMs, beat);
    };
    beat();
  }

  async #serve(callId: number, call: WorkerCall): Promise<void> {
    const abort = new AbortController();
    this.#calls.set(callId, abort);
    try {
      const signal = AbortSignal.any([abort.signal, this.#abort.signal]);
      const result = await this.#around.call(call, signal);
      this.#send({ kind: 'result', callId, result });
    } catch (error) {
      const { kind, message } = toAppError(error);
      this.#send({ kind: 'failure', callId, error: { kind, message } });
    } finally {
      this.#calls.delete(callId);
    }
  }

  /** Not awaited: messages keep their order, and a lost connection ends the reading side, too. */
  #send(message: WorkerMessage): void {
    this.#stream.send(JSON.stringify(message)).catch((error: unknown) => {
      if (this.#abort.signal.aborted) return;
      this.#around.log.warn(`cannot send to the manager: ${messageOf(error)}`);
      this.#stream.close();
    });
  }
}
