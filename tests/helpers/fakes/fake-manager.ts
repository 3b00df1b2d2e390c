import type { NetworkId, NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { Endpoint, NetworkOnNode } from '../../../manager/common/model/network-view.js';
import type { VolumeSpec } from '../../../manager/common/model/network.js';
import type { TaskStatus } from '../../../manager/common/model/task.js';
import { stateRank } from '../../../manager/common/model/task-state.js';
import type {
  AssignedFile,
  AssignedTask,
  AssignmentChange,
} from '../../../manager/common/protocol/assignments.js';
import {
  apiPaths,
  type ManagerMessage,
  type WorkerMessage,
} from '../../../manager/common/protocol/messages.js';
import type {
  MessageStream,
  WorkerCall,
  WorkerStreamRequest,
} from '../../../manager/common/protocol/worker-calls.js';
import { waitFor } from '../../../fixtures/lab/wait.js';
import type { DialManager } from '../../../worker/session/connector.js';
import { messagePair } from './message-pair.js';

interface Assigned {
  readonly tasks: Map<TaskId, AssignedTask>;
  readonly networks: Map<NetworkId, NetworkOnNode>;
  readonly endpoints: Map<string, Endpoint>;
  readonly volumes: Map<string, VolumeSpec>;
  readonly files: Map<string, AssignedFile>;
}

/**
 * The manager's end of a worker's session: sends the test's assignments and records condition it
 * receives.
 */
export class FakeManager {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly assigned: Assigned = {
    tasks: new Map(),
    networks: new Map(),
    endpoints: new Map(),
    volumes: new Map(),
    files: new Map(),
  };
  /** Every status received, oldest first. */
  readonly history: { readonly taskId: TaskId; readonly status: TaskStatus }[] = [];
  readonly received: WorkerMessage[] = [];
  networks: readonly NetworkId[] = [];
  /** Connections are refused while false. */
  reachable = true;
  readonly #statuses = new Map<TaskId, TaskStatus>();
  readonly #results = new Map<number, (message: WorkerMessage) => void>();
  readonly #streams = new Map<string, (stream: MessageStream) => void>();
  #session: MessageStream | undefined;
  #sequence = 0;
  #calls = 0;

  constructor(clusterId: string, nodeId: string) {
    this.clusterId = clusterId;
    this.nodeId = nodeId as NodeId;
  }

  readonly dial: DialManager = async (_address, path) => {
    await Promise.resolve();
    if (!this.reachable) throw new Error('connection refused');
    const [near, far] = messagePair();
    if (path === apiPaths.session) void this.#serve(far);
    else this.#streams.get(path.slice(apiPaths.workerStream.length))?.(far);
    return near;
  };

  get connected(): boolean {
    return this.#session !== undefined;
  }

  status(taskId: string): TaskStatus | undefined {
    return this.#statuses.get(taskId as TaskId);
  }

  /** States of a task in the order received, without repeats. */
  states(taskId: string): readonly string[] {
    const states = this.history
      .filter((report) => report.taskId === taskId)
      .map((report) => report.status.state);
    return states.filter((state, index) => state !== states[index - 1]);
  }

  async until(
    taskId: string,
    condition: string,
    matches: (status: TaskStatus) => boolean,
    timeoutMs = 20_000,
  ): Promise<TaskStatus> {
    try {
      return await waitFor(
        `task ${taskId} to be ${condition}`,
        () => {
          const status = this.status(taskId);
          return status !== undefined && matches(status) ? status : undefined;
        },
        { timeoutMs, intervalMs: 5 },
      );
    } catch (error) {
      const seen = JSON.stringify(this.history.slice(-10), undefined, 1);
      throw new Error(`${String(error)}; last reports: ${seen}`, { cause: error });
    }
  }

  running(taskId: string, timeoutMs?: number): Promise<TaskStatus> {
    return this.until(
      taskId,
      'running',
      (status) => status.state === 'running' && status.startedAt !== undefined,
      timeoutMs,
    );
  }

  ended(taskId: string, timeoutMs?: number): Promise<TaskStatus> {
    return this.until(
      taskId,
      'ended',
      (status) => stateRank(status.state) >= stateRank('complete'),
      timeoutMs,
    );
  }

  /** Adds objects to the assignments and sends them to the worker if it matches connected. */
  assign(upsert: AssignmentChange['upsert']): void {
    const { tasks, networks, endpoints, volumes, files } = this.assigned;
    for (const task of upsert.tasks ?? []) tasks.set(task.id, task);
    for (const network of upsert.networks ?? []) networks.set(network.id, network);
    for (const endpoint of upsert.endpoints ?? []) endpoints.set(endpoint.id, endpoint);
    for (const volume of upsert.volumes ?? []) volumes.set(volume.name, volume);
    for (const file of upsert.files ?? []) files.set(file.id, file);
    this.#change({ upsert, remove: {} });
  }

  withdraw(remove: AssignmentChange['remove']): void {
    const { tasks, networks, endpoints } = this.assigned;
    for (const id of remove.tasks ?? []) tasks.delete(id);
    for (const id of remove.networks ?? []) networks.delete(id);
    for (const id of remove.endpoints ?? []) endpoints.delete(id);
    this.#change({ upsert: {}, remove });
  }

  async call(call: WorkerCall): Promise<unknown> {
    const callId = (this.#calls += 1);
    const answer = new Promise<WorkerMessage>((resolve) => this.#results.set(callId, resolve));
    this.#send({ kind: 'call', callId, call });
    const message = await answer;
    if (message.kind === 'result') return message.result;
    throw new Error(message.kind === 'failure' ? message.error.message : 'no answer');
  }

  open(streamId: string, request: WorkerStreamRequest): Promise<MessageStream> {
    const opened = new Promise<MessageStream>((resolve) => this.#streams.set(streamId, resolve));
    this.#send({ kind: 'open', streamId, request });
    return opened;
  }

  /** Ends the session, as a dying manager does. */
  drop(): void {
    this.#session?.close();
  }

  #change(change: Omit<AssignmentChange, 'sequence'>): void {
    if (this.#session === undefined) return;
    this.#sequence += 1;
    this.#send({ kind: 'change', change: { sequence: this.#sequence, ...change } });
  }

  #send(message: ManagerMessage): void {
    void this.#session?.send(JSON.stringify(message));
  }

  async #serve(stream: MessageStream): Promise<void> {
    for await (const text of stream) {
      const message = JSON.parse(String(text)) as WorkerMessage;
      this.received.push(message);
      if (message.kind === 'hello') this.#welcome(stream, message);
      else if (message.kind === 'status') this.#recordReports(message.reports);
      else if (message.kind === 'want-image') {
        const error = { kind: 'not-found', message: 'no other node has it' } as const;
        this.#send({ kind: 'image', requestId: message.requestId, error });
      } else if (message.kind === 'networks') this.networks = message.networks;
      else if (message.kind === 'result' || message.kind === 'failure') {
        this.#results.get(message.callId)?.(message);
      }
    }
    if (this.#session === stream) this.#session = undefined;
  }

  #welcome(stream: MessageStream, hello: WorkerMessage & { kind: 'hello' }): void {
    this.#session = stream;
    this.#sequence = 1;
    this.networks = hello.networks;
    this.#recordReports(hello.reports);
    this.#send({ kind: 'welcome', version: 1, heartbeatMs: 200, managers: [] });
    const { tasks, networks, endpoints, volumes, files } = this.assigned;
    this.#send({
      kind: 'assignments',
      set: {
        clusterId: this.clusterId,
        nodeId: this.nodeId,
        sequence: this.#sequence,
        tasks: [...tasks.values()],
        networks: [...networks.values()],
        endpoints: [...endpoints.values()],
        projects: [],
        volumes: [...volumes.values()],
        files: [...files.values()],
      },
    });
  }

  #recordReports(
    reports: readonly { readonly taskId: TaskId; readonly status: TaskStatus }[],
  ): void {
    for (const report of reports) {
      this.history.push(report);
      this.#statuses.set(report.taskId, report.status);
    }
  }
}
