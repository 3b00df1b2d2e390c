import type { NetworkId, TaskId } from '../../../manager/common/model/ids.js';
import type { NodeDescription } from '../../../manager/common/model/node.js';
import type { EngineState } from '../../../manager/common/model/silent-engine.js';
import type { TaskStatus } from '../../../manager/common/model/task.js';
import type {
  AssignedTask,
  AssignmentChange,
  AssignmentSet,
} from '../../../manager/common/protocol/assignments.js';
import type {
  ManagerMessage,
  TaskReport,
  WorkerMessage,
} from '../../../manager/common/protocol/messages.js';
import { apiPaths, protocolVersion } from '../../../manager/common/protocol/messages.js';
import {
  decodeManagerMessage,
  type ReceivedMessage,
} from '../../../manager/common/protocol/manager-message.js';
import { isNotFound } from '../../../manager/common/base/errors.js';
import { decode } from '../../../manager/common/base/decode.js';
import {
  workerCall,
  workerStreamRequest,
} from '../../../manager/common/protocol/worker-request-decoders.js';
import { dial } from '../../../manager/common/protocol/transport.js';
import type { Connection } from '../../../manager/common/protocol/transport-connection.js';
import type { TlsMaterial } from '../../../manager/common/protocol/transport-tls.js';
import type {
  WorkerCall,
  WorkerStreamRequest,
} from '../../../manager/common/protocol/worker-calls.js';
import { aNode } from '../../../fixtures/cluster/build.js';
import { isManagerOf } from '../pki/pki.js';

export interface FakeWorkerOptions {
  readonly port: number;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly tls: TlsMaterial;
  readonly name?: string;
  readonly address?: string;
  readonly networks?: readonly string[];
  readonly volumes?: readonly string[];
  readonly reports?: readonly TaskReport[];
  /** Overrides fields of the hello, such as a cluster or node other than the certificate's. */
  readonly hello?: Partial<Extract<WorkerMessage, { kind: 'hello' }>>;
  /** Sends no heartbeats after the hello. */
  readonly silent?: boolean;
}

/** The assigned items by id, as a worker keeps them. */
export class HeldSet {
  readonly tasks = new Map<string, AssignedTask>();
  readonly networks = new Map<string, AssignmentSet['networks'][number]>();
  readonly endpoints = new Map<string, AssignmentSet['endpoints'][number]>();
  readonly volumes = new Map<string, AssignmentSet['volumes'][number]>();
  readonly files = new Map<string, AssignmentSet['files'][number]>();
  sequence = 0;

  replace(set: AssignmentSet): void {
    for (const map of [this.tasks, this.networks, this.endpoints, this.volumes, this.files]) {
      map.clear();
    }
    this.sequence = set.sequence - 1;
    this.apply({ sequence: set.sequence, upsert: set, remove: {} });
  }

  apply({ sequence, upsert, remove }: AssignmentChange): void {
    if (sequence !== this.sequence + 1 && sequence !== 0) {
      throw new Error(`change ${sequence} does not follow ${this.sequence}`);
    }
    this.sequence = sequence;
    put(this.tasks, upsert.tasks, (task) => task.id);
    put(this.networks, upsert.networks, (network) => network.id);
    put(this.endpoints, upsert.endpoints, (endpoint) => endpoint.id);
    put(this.volumes, upsert.volumes, (volume) => volume.name);
    put(this.files, upsert.files, (file) => file.id);
    const { tasks, networks, endpoints, volumes, files } = remove;
    drop(this.tasks, tasks);
    drop(this.networks, networks);
    drop(this.endpoints, endpoints);
    drop(this.volumes, volumes);
    drop(this.files, files);
  }
}

function put<T>(held: Map<string, T>, items: readonly T[] = [], keyOf: (item: T) => string): void {
  for (const item of items) held.set(keyOf(item), item);
}

function drop(held: Map<string, unknown>, ids: readonly string[] = []): void {
  for (const id of ids) held.delete(id);
}

/** A worker without an engine: it reports every task it is assigned as running. */
export class FakeWorker {
  readonly held = new HeldSet();
  /** Sent with each heartbeat. */
  engine: EngineState = 'answering';
  /** Whether the manager has fenced this node. */
  isFenced = false;
  readonly calls: WorkerCall[] = [];
  /**
   * Address of the leader that the manager redirected to, and the managers' addresses last
   * received.
   */
  redirectedTo: string | undefined;
  managers: readonly string[] = [];
  readonly #connection: Connection;
  readonly #options: FakeWorkerOptions;
  readonly #reported = new Map<TaskId, TaskStatus>();
  readonly #heartbeat: NodeJS.Timeout;
  #hasLeft = false;
  /** Answers a call; null by default. */
  answer: (call: WorkerCall) => unknown = () => null;
  /** Serves a stream. */
  serve: (request: WorkerStreamRequest, stream: Connection, streamId: string) => Promise<void> =
    () => Promise.reject(new Error('no stream was expected'));
  /** Called with the answer to an image request. */
  onImage: (message: Extract<ManagerMessage, { kind: 'image' }>) => void = () => undefined;
  /** Reports assigned tasks as running and stopped tasks as shut down. */
  reportsAssigned = true;
  readonly ended: Connection['ended'];

  static async join(options: FakeWorkerOptions): Promise<FakeWorker> {
    const connection = await dial({
      address: `127.0.0.1:${options.port}`,
      path: apiPaths.session,
      tls: options.tls,
      verifyPeer: isManagerOf(options.clusterId),
      keepAlive: 'session',
    });
    return new FakeWorker(connection, options);
  }

  private constructor(connection: Connection, options: FakeWorkerOptions) {
    this.#connection = connection;
    this.#options = options;
    this.ended = connection.ended;
    this.send({
      kind: 'hello',
      version: protocolVersion,
      clusterId: options.clusterId,
      nodeId: options.nodeId,
      name: options.name ?? options.nodeId,
      description: this.#description(),
      reports: options.reports ?? [],
      volumes: options.volumes ?? [],
      networks: (options.networks ?? []) as NetworkId[],
      ...options.hello,
    });
    this.#heartbeat = setInterval(() => {
      const { engine } = this;
      const silence = engine === 'silent' ? { engine } : {};
      if (options.silent !== true) this.send({ kind: 'heartbeat', ...silence });
    }, 50);
    void this.#listen();
  }

  send(message: WorkerMessage): void {
    this.#connection.post(JSON.stringify(message));
  }

  report(taskId: string, status: TaskStatus): void {
    this.#reported.set(taskId as TaskId, status);
    this.send({ kind: 'status', reports: [{ taskId: taskId as TaskId, status }] });
  }

  leave(): void {
    this.#hasLeft = true;
    clearInterval(this.#heartbeat);
    this.#connection.close();
  }

  #description(): NodeDescription {
    const { nodeId, address } = this.#options;
    return aNode(nodeId, { address: address ?? '127.0.0.1' }).description;
  }

  async #listen(): Promise<void> {
    try {
      for await (const text of this.#connection) this.#handle(decodeManagerMessage(String(text)));
    } catch {
      // The end is visible in `ended`.
    } finally {
      clearInterval(this.#heartbeat);
    }
  }

  #handle(message: ReceivedMessage): void {
    switch (message.kind) {
      case 'redirect':
        this.redirectedTo = message.leader;
        return;
      case 'welcome':
      case 'managers':
        this.managers = message.managers;
        return;
      case 'assignments':
        this.held.replace(message.set);
        this.#reportAssigned();
        return;
      case 'change':
        this.held.apply(message.change);
        this.#reportAssigned();
        return;
      case 'call':
        this.#onCall(message.callId, decode(message.call, workerCall, 'call'));
        return;
      case 'open':
        void this.#dialBack(
          message.streamId,
          decode(message.request, workerStreamRequest, 'stream request'),
        );
        return;
      case 'fence':
        this.isFenced = true;
        return;
      case 'image':
        this.onImage(message);
        return;
      default:
    }
  }

  #onCall(callId: number, call: WorkerCall): void {
    this.calls.push(call);
    void this.#answer(callId, call);
  }

  async #answer(callId: number, call: WorkerCall): Promise<void> {
    try {
      this.send({ kind: 'result', callId, result: await this.answer(call) });
    } catch (error) {
      const message = (error as Error).message;
      this.send({ kind: 'failure', callId, error: { kind: 'conflict', message } });
    }
  }

  async #dialBack(streamId: string, request: WorkerStreamRequest): Promise<void> {
    const { port, tls, clusterId } = this.#options;
    const stream = await dial({
      address: `127.0.0.1:${port}`,
      path: apiPaths.workerStream + streamId,
      tls,
      verifyPeer: isManagerOf(clusterId),
      keepAlive: 'stream',
    }).catch((error: unknown) => {
      // The client has left, and the manager no longer waits for the stream; or this node has left.
      if (isNotFound(error) || this.#hasLeft) return undefined;
      throw error;
    });
    if (stream === undefined) return;
    await this.serve(request, stream, streamId);
    stream.close();
  }

  #reportAssigned(): void {
    if (!this.reportsAssigned) return;
    for (const task of this.held.tasks.values()) {
      const last = this.#reported.get(task.id)?.state;
      const stops = task.desired === 'shutdown' || task.desired === 'remove';
      if (stops && last !== 'shutdown') this.report(task.id, aStatus('shutdown'));
      else if (task.desired === 'running' && last === undefined) {
        this.report(task.id, aStatus('running', { startedAt: 1, containerId: `c-${task.id}` }));
      }
    }
    const networks = [...this.held.networks.keys()] as NetworkId[];
    this.send({ kind: 'networks', networks });
  }
}

export function aStatus(state: TaskStatus['state'], more: Partial<TaskStatus> = {}): TaskStatus {
  return { state, at: 1, message: '', ...more };
}
