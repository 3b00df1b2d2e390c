import type { NetworkId, NodeId, TaskId } from '../../common/model/ids.js';
import { imageKey, recordedId } from '../../common/model/trust/image-record.js';
import type { Endpoint, NetworkOnNode, ProjectNames } from '../../common/model/network-view.js';
import { contentOf } from '../../common/model/secret.js';
import type { Task } from '../../common/model/task.js';
import { isTerminal, stateRank } from '../../common/model/task-state.js';
import type {
  AssignedFile,
  AssignedTask,
  AssignmentChange,
} from '../../common/protocol/assignments.js';
import type { StoreView } from '../../store/store.js';
import { AssignmentChangeBuilder } from './assignment-change-builder.js';
import { endpointId, sameEndpoint } from './endpoint.js';
import { RefCount } from './ref-count.js';

/** Shared data that the sets of all nodes are computed from. */
export interface AssignmentSource {
  readonly view: StoreView;
  /** Gateway address of a node on a network; undefined until it is leased. */
  gateway(nodeId: NodeId, networkId: NetworkId): string | undefined;
  endpoint(task: Task, networkId: NetworkId): Endpoint | undefined;
  subscribe(networkId: NetworkId, node: NodeAssignments): void;
  unsubscribe(networkId: NetworkId, node: NodeAssignments): void;
  /** The same object until a name changes. */
  projectNames(project: string): ProjectNames;
  subscribeProject(project: string, node: NodeAssignments): void;
  /** A node's set may have changed. */
  markDirty(nodeId: NodeId): void;
  unsubscribeProject(project: string, node: NodeAssignments): void;
}

interface SentTask {
  readonly assigned: AssignedTask;
  readonly refs: Refs;
}

/** Objects that a task refers to. Files are keyed as `kind/name`. */
interface Refs {
  readonly networks: readonly NetworkId[];
  /** The task's own, if it uses networks. */
  readonly projects: readonly string[];
  readonly volumes: readonly string[];
  readonly files: readonly string[];
}

const noRefs: Refs = { networks: [], projects: [], volumes: [], files: [] };

/**
 * Tasks, networks, endpoints, volumes and files sent to one node, and those that are out of date.
 */
export class NodeAssignments {
  readonly nodeId: NodeId;
  readonly #source: AssignmentSource;
  #sequence = 0;
  readonly #tasks = new Map<TaskId, SentTask>();
  readonly #networks = new RefCount<NetworkId>();
  readonly #projects = new RefCount<string>();
  readonly #volumes = new RefCount<string>();
  readonly #files = new RefCount<string>();
  readonly #sentFiles = new Map<string, AssignedFile>();
  readonly #sentNetworks = new Map<NetworkId, NetworkOnNode>();
  /** By network, then by task. */
  readonly #endpoints = new Map<NetworkId, Map<TaskId, Endpoint>>();
  readonly #dirtyTasks = new Set<TaskId>();
  readonly #dirtyNetworks = new Set<NetworkId>();
  readonly #dirtyProjects = new Set<string>();
  readonly #dirtyEndpoints = new Map<string, { taskId: TaskId; networkId: NetworkId }>();

  constructor(nodeId: NodeId, source: AssignmentSource) {
    this.nodeId = nodeId;
    this.#source = source;
    for (const task of source.view.tasksOfNode(nodeId)) this.#dirtyTasks.add(task.id);
  }

  markTask(taskId: TaskId): void {
    this.#dirtyTasks.add(taskId);
    this.#source.markDirty(this.nodeId);
  }

  markNetwork(networkId: NetworkId): void {
    this.#dirtyNetworks.add(networkId);
    this.#source.markDirty(this.nodeId);
  }

  markProject(project: string): void {
    this.#dirtyProjects.add(project);
    this.#source.markDirty(this.nodeId);
  }

  markEndpoint(taskId: TaskId, networkId: NetworkId): void {
    this.#dirtyEndpoints.set(endpointId(taskId, networkId), { taskId, networkId });
    this.#source.markDirty(this.nodeId);
  }

  /** Returns the changes since the last call; undefined if nothing changed for this node. */
  take(): AssignmentChange | undefined {
    const draft = new AssignmentChangeBuilder();
    this.#syncTasks(draft);
    for (const networkId of this.#dirtyNetworks) {
      // The node may never have had it, or its last task was dropped in this same call.
      if (this.#networks.has(networkId)) this.#syncNetwork(networkId, draft);
    }
    for (const project of this.#dirtyProjects) {
      if (this.#projects.has(project)) this.#sendProject(project, draft);
    }
    for (const { taskId, networkId } of this.#dirtyEndpoints.values()) {
      this.#syncEndpoint(taskId, networkId, draft);
    }
    this.#dirtyTasks.clear();
    this.#dirtyNetworks.clear();
    this.#dirtyProjects.clear();
    this.#dirtyEndpoints.clear();
    if (draft.empty) return undefined;
    this.#sequence += 1;
    return draft.finish(this.#sequence);
  }

  /** Unsubscribes from every network and project. */
  end(): void {
    for (const project of this.#projects.keys()) this.#source.unsubscribeProject(project, this);
    for (const networkId of this.#networks.keys()) this.#source.unsubscribe(networkId, this);
  }

  #syncTasks(draft: AssignmentChangeBuilder): void {
    const dropped: Refs[] = [];
    for (const taskId of this.#dirtyTasks) {
      const sent = this.#tasks.get(taskId);
      const task = this.#source.view.get('tasks', taskId);
      const wanted =
        task !== undefined && this.#isWanted(task, sent !== undefined) ? task : undefined;
      if (wanted === undefined) {
        if (sent === undefined) continue;
        this.#tasks.delete(taskId);
        draft.remove('tasks', taskId);
      } else {
        const assigned = this.#toAssigned(wanted, sent?.assigned);
        const refs = this.#hasGateways(wanted) || !isStopping(wanted) ? refsOf(wanted) : noRefs;
        if (sent === undefined || !sameTask(sent.assigned, assigned)) {
          draft.upsert('tasks', taskId, assigned);
        }
        this.#tasks.set(taskId, { assigned, refs });
        this.#acquire(refs, draft);
      }
      dropped.push(sent?.refs ?? noRefs);
    }
    // Released after all holds: objects passed from one task to another are not removed and resent.
    for (const refs of dropped) this.#release(refs, draft);
  }

  /**
   * A new task is sent once the node has a gateway on each of its networks. A task already sent
   * stays in the set: dropping it would remove its container. A task being stopped is always sent,
   * since only its node can confirm the end, and it may never get a gateway on a network that is
   * being removed.
   */
  #isWanted(task: Task, sent: boolean): boolean {
    const { state } = task.status;
    if (task.nodeId !== this.nodeId || state === 'orphaned') return false;
    if (stateRank(state) < stateRank('assigned')) return false;
    if (task.desired === 'remove' && isTerminal(state)) return false;
    return sent || isStopping(task) || this.#hasGateways(task);
  }

  /** A task keeps the image content that it was sent with. */
  #toAssigned(task: Task, sent: AssignedTask | undefined): AssignedTask {
    const imageId = sent === undefined ? this.#imageId(task) : sent.imageId;
    return { ...toAssigned(task), ...(imageId === undefined ? {} : { imageId }) };
  }

  /** Undefined if the task wants what its registry has now, or no client has recorded the image. */
  #imageId({ spec: { container } }: Task): string | undefined {
    const { imageDigest } = container;
    if (container.pullPolicy === 'always' && imageDigest === undefined) return undefined;
    const { view } = this.#source;
    const record = view.get('images', imageKey(container.image));
    if (record?.source !== 'client') return undefined;
    // A later pull has moved the name; the digest alone identifies the content.
    if (imageDigest !== undefined && imageDigest !== record.digest) return undefined;
    const node = view.get('nodes', this.nodeId)?.description;
    const own = node === undefined ? '' : `${node.os}/${node.arch}`;
    // The recorded content of another platform says nothing about this node's.
    return recordedId(record, container.platform ?? own);
  }

  #hasGateways({ attachments }: Task): boolean {
    return attachments.every(({ networkId }) => this.#toNetwork(networkId) !== undefined);
  }

  #acquire(refs: Refs, draft: AssignmentChangeBuilder): void {
    for (const networkId of refs.networks) {
      if (!this.#networks.add(networkId)) continue;
      this.#source.subscribe(networkId, this);
      this.#syncNetwork(networkId, draft);
      for (const task of this.#source.view.tasksOfNetwork(networkId)) {
        this.#syncEndpoint(task.id, networkId, draft);
      }
    }
    for (const project of refs.projects) {
      if (!this.#projects.add(project)) continue;
      this.#source.subscribeProject(project, this);
      this.#sendProject(project, draft);
    }
    for (const name of refs.volumes) {
      if (!this.#volumes.add(name)) continue;
      const volume = this.#source.view.volumeByName(name);
      if (volume !== undefined) draft.upsert('volumes', name, volume.spec);
    }
    for (const key of refs.files) if (this.#files.add(key)) this.#sendFile(key, draft);
  }

  #release(refs: Refs, draft: AssignmentChangeBuilder): void {
    for (const networkId of refs.networks) {
      if (this.#networks.drop(networkId)) this.#forgetNetwork(networkId, draft);
    }
    for (const project of refs.projects) {
      if (!this.#projects.drop(project)) continue;
      this.#source.unsubscribeProject(project, this);
      draft.remove('projects', project);
    }
    for (const name of refs.volumes) if (this.#volumes.drop(name)) draft.remove('volumes', name);
    for (const key of refs.files) {
      if (!this.#files.drop(key)) continue;
      const file = this.#sentFiles.get(key);
      this.#sentFiles.delete(key);
      if (file !== undefined) draft.remove('files', file.id);
    }
  }

  #sendFile(key: string, draft: AssignmentChangeBuilder): void {
    const file = fileOf(this.#source.view, key);
    if (file === undefined) return;
    this.#sentFiles.set(key, file);
    draft.upsert('files', file.id, file);
  }

  #sendProject(project: string, draft: AssignmentChangeBuilder): void {
    draft.upsert('projects', project, this.#source.projectNames(project));
  }

  #toNetwork(networkId: NetworkId): NetworkOnNode | undefined {
    const network = this.#source.view.get('networks', networkId);
    const gateway = this.#source.gateway(this.nodeId, networkId);
    if (network === undefined || network.vni === 0 || gateway === undefined) return undefined;
    const { spec, vni, subnet } = network;
    return {
      id: networkId,
      name: spec.name,
      project: spec.project,
      key: spec.key,
      vni,
      subnet,
      gateway,
      internal: spec.internal,
      labels: spec.labels,
    };
  }

  #syncNetwork(networkId: NetworkId, draft: AssignmentChangeBuilder): void {
    const wanted = this.#toNetwork(networkId);
    const sent = this.#sentNetworks.get(networkId);
    if (wanted === undefined || (sent !== undefined && sameFields(sent, wanted))) return;
    this.#sentNetworks.set(networkId, wanted);
    draft.upsert('networks', networkId, wanted);
  }

  #forgetNetwork(networkId: NetworkId, draft: AssignmentChangeBuilder): void {
    this.#source.unsubscribe(networkId, this);
    this.#sentNetworks.delete(networkId);
    draft.remove('networks', networkId);
    for (const endpoint of this.#endpoints.get(networkId)?.values() ?? []) {
      draft.remove('endpoints', endpoint.id);
    }
    this.#endpoints.delete(networkId);
  }

  #syncEndpoint(taskId: TaskId, networkId: NetworkId, draft: AssignmentChangeBuilder): void {
    if (!this.#networks.has(networkId)) return;
    let endpoints = this.#endpoints.get(networkId);
    const sent = endpoints?.get(taskId);
    const task = this.#source.view.get('tasks', taskId);
    const wanted = task === undefined ? undefined : this.#source.endpoint(task, networkId);
    if (wanted === undefined) {
      if (sent === undefined) return;
      endpoints?.delete(taskId);
      draft.remove('endpoints', sent.id);
      return;
    }
    if (sent !== undefined && sameEndpoint(sent, wanted)) return;
    if (endpoints === undefined) {
      endpoints = new Map();
      this.#endpoints.set(networkId, endpoints);
    }
    endpoints.set(taskId, wanted);
    draft.upsert('endpoints', wanted.id, wanted);
  }
}

function isStopping({ desired }: Task): boolean {
  return desired === 'shutdown' || desired === 'remove';
}

function toAssigned(task: Task): AssignedTask {
  return {
    id: task.id,
    serviceId: task.serviceId,
    project: task.project,
    service: task.service,
    slot: task.slot,
    spec: task.spec,
    taskHash: task.taskHash,
    configHash: task.configHash,
    containerName: task.containerName,
    desired: task.desired,
    attachments: task.attachments,
    ...(task.adopts === undefined ? {} : { adopts: task.adopts }),
    ...(task.notBefore === undefined ? {} : { startDelayMs: startDelayOf(task, task.notBefore) }),
    ...(task.stopTimeoutMs === undefined ? {} : { stopTimeoutMs: task.stopTimeoutMs }),
  };
}

/**
 * Milliseconds after the task's creation: constant, so that a sent task does not count as changed.
 */
function startDelayOf(task: Task, notBefore: number): number {
  return Math.max(0, notBefore - task.createdAt);
}

/** Compares by identity, which is enough: writers spread unchanged fields, see store/durable.ts. */
function sameFields<T extends object>(a: T, b: T): boolean {
  return (Object.keys({ ...a, ...b }) as (keyof T)[]).every((key) => a[key] === b[key]);
}

const sameTask = sameFields<AssignedTask>;

function refsOf(task: Task): Refs {
  const { container } = task.spec;
  const { state, containerId } = task.status;
  // An ended task without a container is history only and needs no objects.
  if (isTerminal(state) && containerId === undefined) return noRefs;
  return {
    networks: task.attachments.map(({ networkId }) => networkId),
    projects: task.attachments.length === 0 ? [] : [task.project],
    volumes: container.mounts.flatMap((mount) =>
      mount.type === 'volume' && mount.source !== undefined ? [mount.source] : [],
    ),
    // Only tasks that run or will run may hold secrets.
    files: isTerminal(state) ? [] : container.files.map(({ kind, source }) => `${kind}/${source}`),
  };
}

function fileOf(view: StoreView, key: string): AssignedFile | undefined {
  const slash = key.indexOf('/');
  const kind = key.slice(0, slash) as AssignedFile['kind'];
  const name = key.slice(slash + 1);
  const stored = kind === 'secret' ? view.secretByName(name) : view.configByName(name);
  return stored === undefined ? undefined : { id: stored.id, kind, name, data: contentOf(stored) };
}
