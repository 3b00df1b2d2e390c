import fc from 'fast-check';
import { aNetwork, aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { endpointOf } from '../../../manager/dispatcher/assignments/endpoint.js';
import type {
  ConfigId,
  NetworkId,
  NodeId,
  SecretId,
  TaskId,
} from '../../../manager/common/model/ids.js';
import { addressLeaseId } from '../../../manager/common/model/network.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal, stateRank, taskStates } from '../../../manager/common/model/task-state.js';
import type {
  ClusterStore,
  StoreChange,
  StoreView,
  Transaction,
} from '../../../manager/store/store.js';
import { HeldSet } from '../fakes/fake-worker.js';
import { openTestStore } from '../stores/memory-store.js';

export const nodeIds = ['w1', 'w2', 'w3'] as NodeId[];
export const networkIds = ['n-a', 'n-b'] as NetworkId[];
export const taskIds = ['t1', 't2', 't3', 't4', 't5'] as TaskId[];

export function itemAt<T>(all: readonly T[], at: number): T {
  const found = all[at];
  if (found === undefined) throw new Error(`no item at index ${at}`);
  return found;
}

/** Tracks tasks that were on a node when it went down, as the dispatcher should. */
export function trackLostTasks(lost: Set<string>, view: StoreView, change: StoreChange): void {
  if (change.table === 'tasks') {
    if (change.after === undefined || isTerminal(change.after.status.state)) lost.delete(change.id);
    return;
  }
  if (change.table !== 'nodes' || change.after?.status.state !== 'down') return;
  if (change.before?.status.state === 'down') return;
  for (const task of view.tasksOfNode(change.after.id)) {
    if (!isTerminal(task.status.state)) lost.add(task.id);
  }
}

/** The reference definition: the assignments of a node, computed from the whole store. */
export function expectedAssignments(
  view: StoreView,
  nodeId: NodeId,
  lost: ReadonlySet<string>,
  sent: ReadonlySet<string>,
) {
  const gateways = new Map<string, string>();
  for (const { id, holder } of view.list('leases')) {
    if (holder.kind === 'gateway') {
      gateways.set(`${holder.nodeId}/${holder.networkId}`, id.split('/')[2] ?? '');
    }
  }
  const mayJoin = ({ attachments }: Task): boolean =>
    attachments.every(({ networkId }) => gateways.has(`${nodeId}/${networkId}`));
  const mustEnd = ({ desired }: Task): boolean => desired === 'shutdown' || desired === 'remove';
  const tasks = view
    .list('tasks')
    .filter(
      (task) => task.nodeId === nodeId && stateRank(task.status.state) >= stateRank('assigned'),
    )
    .filter((task) => task.status.state !== 'orphaned')
    .filter((task) => !(task.desired === 'remove' && isTerminal(task.status.state)))
    .filter((task) => sent.has(task.id) || mustEnd(task) || mayJoin(task));
  const complete = tasks.filter((task) => mayJoin(task) || !mustEnd(task));
  const live = complete.filter(
    ({ status }) => !isTerminal(status.state) || status.containerId !== undefined,
  );
  const networks = new Set(live.flatMap((task) => task.attachments.map((at) => at.networkId)));
  const endpoints = view.list('tasks').flatMap((task) =>
    task.attachments.flatMap(({ networkId }) => {
      const node = task.nodeId === undefined ? undefined : view.get('nodes', task.nodeId);
      const endpoint = endpointOf(task, node, networkId, lost.has(task.id));
      return endpoint !== undefined && networks.has(networkId) ? [[endpoint.id, endpoint.up]] : [];
    }),
  );
  const files = new Set(
    complete
      .filter((task) => !isTerminal(task.status.state))
      .flatMap((task) => task.spec.container.files.map((file) => file.source)),
  );
  return {
    tasks: tasks.map((task) => `${task.id} ${task.desired}`),
    networks: [...networks].sort(),
    endpoints: Object.fromEntries(endpoints) as object,
    files: [...files].sort(),
  };
}

export function heldAssignments(set: HeldSet): ReturnType<typeof expectedAssignments> {
  return {
    tasks: [...set.tasks.values()].map((task) => `${task.id} ${task.desired}`).sort(),
    networks: [...set.networks.keys()].sort() as NetworkId[],
    endpoints: Object.fromEntries([...set.endpoints.values()].map((each) => [each.id, each.up])),
    files: [...set.files.values()].map((file) => file.name).sort(),
  };
}

type Step =
  | { kind: 'task'; task: number; node: number; networks: number; files: number }
  | { kind: 'state'; task: number; state: number; up: boolean }
  | { kind: 'desired'; task: number; desired: number }
  | { kind: 'removeTask'; task: number }
  | { kind: 'gateway'; node: number; network: number; there: boolean }
  | { kind: 'node'; node: number; state: number }
  | { kind: 'network'; network: number; removing: boolean }
  | { kind: 'take'; node: number };

const index = (length: number): fc.Arbitrary<number> => fc.nat({ max: length - 1 });
export const assignmentStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('task' as const),
    task: index(5),
    node: index(3),
    networks: index(4),
    files: index(4),
  }),
  fc.record({
    kind: fc.constant('state' as const),
    task: index(5),
    state: index(taskStates.length),
    up: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('desired' as const), task: index(5), desired: index(4) }),
  fc.record({ kind: fc.constant('removeTask' as const), task: index(5) }),
  fc.record({
    kind: fc.constant('gateway' as const),
    node: index(3),
    network: index(2),
    there: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('node' as const), node: index(3), state: index(3) }),
  fc.record({
    kind: fc.constant('network' as const),
    network: index(2),
    removing: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('take' as const), node: index(3) }),
);

const service = aService('web');

export async function openAssignmentStore(): Promise<ClusterStore> {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    for (const id of nodeIds) tx.create('nodes', aNode(id));
    for (const id of networkIds) {
      tx.create('networks', { ...aNetwork(id.slice(2)), vni: 4096, subnet: '10.0.0.0/24' });
    }
    const spec = { project: 'demo', key: 'x', labels: {} };
    tx.create('secrets', {
      id: 's1' as SecretId,
      spec: { ...spec, name: 'password' },
      data: 'eA==',
    });
    tx.create('configs', { id: 'c1' as ConfigId, spec: { ...spec, name: 'conf' }, data: 'eA==' });
  });
  return store;
}

const files = (['secret', 'config'] as const).map((kind) => ({
  kind,
  source: kind === 'secret' ? 'password' : 'conf',
  target: '/x',
  uid: '0',
  gid: '0',
  mode: 0o400,
}));

function pick<T>(all: readonly T[], bits: number): readonly T[] {
  return all.filter((_, at) => (bits & (1 << at)) !== 0);
}

function setNodeState(tx: Transaction, change: Step & { kind: 'node' }): void {
  const node = tx.get('nodes', itemAt(nodeIds, change.node));
  if (node === undefined) return;
  const state = itemAt(['ready', 'down', 'unknown'] as const, change.state);
  tx.put('nodes', { ...node, status: { ...node.status, state } });
}

function markNetwork(tx: Transaction, change: Step & { kind: 'network' }): void {
  const network = tx.get('networks', itemAt(networkIds, change.network));
  if (network !== undefined) tx.put('networks', { ...network, removing: change.removing });
}

function setTaskState(tx: Transaction, change: Step & { kind: 'state' }): void {
  const task = tx.get('tasks', itemAt(taskIds, change.task));
  if (task === undefined) return;
  const state = itemAt(taskStates, change.state);
  if (stateRank(state) < stateRank(task.status.state)) return;
  const hasContainer = change.up && !isTerminal(task.status.state);
  const containerId = hasContainer ? 'made' : task.status.containerId;
  tx.put('tasks', {
    ...task,
    status: {
      ...{ state, at: 1, message: '', ...(change.up ? { startedAt: 1 } : {}) },
      ...(containerId === undefined ? {} : { containerId }),
    },
  });
}

export async function applyStep(store: ClusterStore, change: Step): Promise<void> {
  await store.update('restore', (tx) => {
    if (change.kind === 'task') {
      const id = itemAt(taskIds, change.task);
      if (tx.get('tasks', id) !== undefined) return;
      const attachments = pick(networkIds, change.networks).map((networkId) => ({
        networkId,
        network: networkId,
        address: `10.0.0.${10 + change.task}`,
        mac: '02:00:00:00:00:01',
        aliases: [],
      }));
      const task = aTask(service, change.task + 1, {
        id,
        node: itemAt(nodeIds, change.node),
        state: 'assigned',
      });
      const container = { ...task.spec.container, files: pick(files, change.files) };
      tx.create('tasks', { ...task, attachments, spec: { ...task.spec, container } });
    } else if (change.kind === 'state') {
      setTaskState(tx, change);
    } else if (change.kind === 'desired') {
      const task = tx.get('tasks', itemAt(taskIds, change.task));
      const desired = itemAt(['ready', 'running', 'shutdown', 'remove'] as const, change.desired);
      if (task !== undefined) tx.put('tasks', { ...task, desired });
    } else if (change.kind === 'removeTask') {
      tx.remove('tasks', itemAt(taskIds, change.task));
    } else if (change.kind === 'gateway') {
      const [nodeId, networkId] = [
        itemAt(nodeIds, change.node),
        itemAt(networkIds, change.network),
      ];
      const id = addressLeaseId(networkId, `10.0.0.${200 + change.node}`);
      if (!change.there) tx.remove('leases', id);
      else if (tx.get('leases', id) === undefined) {
        tx.create('leases', { id, holder: { kind: 'gateway', nodeId, networkId } });
      }
    } else if (change.kind === 'node') {
      setNodeState(tx, change);
    } else if (change.kind === 'network') {
      markNetwork(tx, change);
    }
  });
}
