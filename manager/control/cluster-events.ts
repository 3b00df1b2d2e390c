import { containerLabels } from '../common/model/container-labels.js';
import type { Node } from '../common/model/node.js';
import type { Service } from '../common/model/service.js';
import { dockerUpdateState } from '../common/model/rollback.js';
import type { Task, TaskStatus } from '../common/model/task.js';
import { isTerminal, stateRank } from '../common/model/task-state.js';
import type { RecordedEvent } from '../store/journal.js';
import type { StoreChange, StoreView } from '../store/store.js';

type Attributes = Readonly<Record<string, string>>;

/** Translates a change of the store into events with the types and actions of `docker events`. */
export function toClusterEvents(change: StoreChange, view: StoreView): readonly RecordedEvent[] {
  switch (change.table) {
    case 'tasks':
      return taskEvents(change.before, change.after, view);
    case 'nodes':
      return nodeEvents(change.before, change.after);
    case 'secrets':
    case 'configs':
      return dataEvents(change);
    case 'services':
    case 'networks':
    case 'volumes':
      return objectEvents(change);
    default:
      return [];
  }
}

function taskEvents(
  before: Task | undefined,
  after: Task | undefined,
  view: StoreView,
): readonly RecordedEvent[] {
  const task = after ?? before;
  if (task === undefined) return [];
  const node = task.nodeId === undefined ? undefined : view.get('nodes', task.nodeId);
  const event = (action: string, extra: Attributes = {}): RecordedEvent => ({
    at: after === undefined ? task.updatedAt : after.updatedAt,
    type: 'container',
    action,
    id: task.status.containerId ?? task.id,
    name: task.containerName,
    attributes: {
      image: task.spec.container.image,
      name: task.containerName,
      'com.docker.compose.project': task.project,
      'com.docker.compose.service': task.service,
      node: node?.spec.name ?? '',
      ...extra,
    },
    project: task.project,
  });
  if (after === undefined) {
    if (task.status.containerId === undefined) return [];
    // The last chance to tell the labels: earlier events get them from the task.
    const clusterId = view.get('cluster', 'cluster')?.clusterId ?? '';
    const owner = { clusterId, nodeId: task.nodeId ?? '' };
    return [event('destroy', containerLabels(task, owner, task.status.imageId ?? ''))];
  }
  return statusActions(before, after).map(({ action, attributes, mark, at }) => ({
    ...event(action, attributes),
    mark,
    ...(at === undefined ? {} : { at }),
  }));
}

interface TaskAction {
  readonly action: string;
  readonly attributes?: Attributes;
  readonly mark: string;
  /** Time reported by the node; if absent, the time of the store change is used. */
  readonly at?: number;
}

function statusActions(before: Task | undefined, after: Task): readonly TaskAction[] {
  const [old, now] = [before?.status, after.status];
  const actions: TaskAction[] = [];
  if (now.containerId !== undefined && old?.containerId === undefined) {
    actions.push({ action: 'create', mark: now.containerId });
  }
  actions.push(...deathActions(old, now));
  const { startedAt } = now;
  if (now.state === 'running' && startedAt !== undefined && startedAt !== old?.startedAt) {
    actions.push({ action: 'start', mark: String(startedAt), at: startedAt });
  }
  actions.push(...healthActions(old, now));
  if (hasEnded(old, now) && now.state === 'shutdown') {
    actions.push({ action: 'stop', mark: String(now.at) });
  }
  return actions;
}

function hasEnded(old: TaskStatus | undefined, now: TaskStatus): boolean {
  return isTerminal(now.state) && !(old !== undefined && isTerminal(old.state));
}

function deathActions(old: TaskStatus | undefined, now: TaskStatus): readonly TaskAction[] {
  const ran = old !== undefined && stateRank(old.state) >= stateRank('starting');
  const { restarts = 0, exitCode } = now;
  const restarted = restarts > (old?.restarts ?? 0);
  if (!restarted && !(ran && hasEnded(old, now))) return [];
  const attributes = exitCode === undefined ? {} : { exitCode: String(exitCode) };
  const mark = `${restarts} ${isTerminal(now.state) ? now.at : ''}`;
  return [{ action: 'die', attributes, mark }];
}

function healthActions(old: TaskStatus | undefined, now: TaskStatus): readonly TaskAction[] {
  const actions: TaskAction[] = [];
  if (now.health !== undefined && now.health !== old?.health) {
    actions.push({ action: `health_status: ${now.health}`, mark: now.health });
  }
  if ((now.paused ?? false) !== (old?.paused ?? false)) {
    const action = now.paused === true ? 'pause' : 'unpause';
    actions.push({ action, mark: action });
  }
  return actions;
}

function nodeEvents(before: Node | undefined, after: Node | undefined): readonly RecordedEvent[] {
  const node = after ?? before;
  if (node === undefined) return [];
  const event = (action: string, attributes: Attributes = {}): RecordedEvent => ({
    at: node.updatedAt,
    type: 'node',
    action,
    id: node.id,
    name: node.spec.name,
    attributes: { name: node.spec.name, ...attributes },
    project: '',
  });
  if (after === undefined) return [event('remove')];
  if (before === undefined) return [event('create')];
  const events: RecordedEvent[] = [];
  if (before.status.state !== after.status.state) {
    events.push(
      event('update', {
        'state.old': before.status.state,
        'state.new': after.status.state,
        ...(after.status.message === '' ? {} : { message: after.status.message }),
      }),
    );
  }
  if (before.spec.availability !== after.spec.availability) {
    events.push(
      event('update', {
        'availability.old': before.spec.availability,
        'availability.new': after.spec.availability,
      }),
    );
  }
  return events;
}

function objectEvents(
  change: Extract<StoreChange, { table: 'services' | 'networks' | 'volumes' }>,
): readonly RecordedEvent[] {
  const { before, after } = change;
  const object = after ?? before;
  if (object === undefined) return [];
  const type = { services: 'service', networks: 'network', volumes: 'volume' } as const;
  const specChanged = before?.spec !== after?.spec;
  const action =
    before === undefined
      ? 'create'
      : after === undefined
        ? change.table === 'services'
          ? 'remove'
          : 'destroy'
        : 'update';
  // Only services emit update events; updates of networks and volumes are internal.
  const progress = change.table === 'services' ? progressOf(change.before, change.after) : {};
  const isReported = specChanged || Object.keys(progress).length > 0;
  if (action === 'update' && (change.table !== 'services' || !isReported)) return [];
  return [
    {
      at: object.updatedAt,
      type: type[change.table],
      action,
      id: object.id,
      name: object.spec.name,
      attributes: {
        name: object.spec.name,
        'com.docker.compose.project': object.spec.project,
        ...(change.table === 'services' ? scaleOf(change.before, change.after) : {}),
        ...progress,
      },
      project: object.spec.project,
    },
  ];
}

/** Events of secrets and configs: their labels may change. */
function dataEvents({
  table,
  before,
  after,
}: Extract<StoreChange, { table: 'secrets' | 'configs' }>): readonly RecordedEvent[] {
  const object = after ?? before;
  if (object === undefined) return [];
  const { name, project } = object.spec;
  return [
    {
      at: object.updatedAt,
      type: table === 'secrets' ? 'secret' : 'config',
      action: before === undefined ? 'create' : after === undefined ? 'remove' : 'update',
      id: object.id,
      name,
      attributes: { name },
      project,
    },
  ];
}

/** Attributes for a change of the number of replicas, named as in Docker's service events. */
function scaleOf(before: Service | undefined, after: Service | undefined): Attributes {
  const [old, now] = [before?.spec.mode, after?.spec.mode];
  if (old?.kind !== 'replicated' || now?.kind !== 'replicated') return {};
  if (old.replicas === now.replicas) return {};
  return { 'replicas.old': String(old.replicas), 'replicas.new': String(now.replicas) };
}

/** Attributes for the progress of a service update, named as in Docker's service events. */
function progressOf(before: Service | undefined, after: Service | undefined): Attributes {
  const now = after?.updateStatus;
  if (before === undefined || now === undefined) return {};
  const [old, word] = [dockerUpdateState(before.updateStatus), dockerUpdateState(now)];
  if (old === word && before.updateStatus?.startedAt === now.startedAt) return {};
  return {
    ...(old === undefined ? {} : { 'updatestate.old': old }),
    'updatestate.new': word ?? '',
    ...(now.message === '' ? {} : { message: now.message }),
  };
}
