import type { Node } from '../../../manager/common/model/node.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isAssigned, isTerminal } from '../../../manager/common/model/task-state.js';
import type { AppliedChange } from '../../../manager/common/protocol/control.js';
import type { Watched } from '../../client/watched.js';
import type { ProgressRow } from '../../output/progress.js';
import { pendingReason } from '../../../manager/common/model/container-state.js';
import { failedGate } from './gates.js';
import { wentWithLeader } from './leaders.js';
import { updateView } from './updates.js';
import type { Judgement } from './judgement.js';
import type { Slot } from './slots.js';
import { isNodeDown, nodeName, replicasOf, slotsOf, unfilledNodes } from './slots.js';

export interface UpWanted {
  readonly project: string;
  /** Compose keys of the services to wait for. */
  readonly services: readonly string[];
  /** `created`: there are containers. `started`: they were started. `healthy`: they run, and their health checks say so. */
  readonly until: 'created' | 'started' | 'healthy';
  readonly changes: readonly AppliedChange[];
  /** The state when the command began, for telling what it changed. */
  readonly before: Watched;
  /** Asked for is the spec before. */
  readonly back?: boolean;
}

/** How one slot stands. */
interface SlotView {
  readonly row: ProgressRow;
  readonly good: boolean;
  readonly failure?: string;
  readonly stuck?: string;
  /** Held back until what the service depends on is up. */
  readonly gated?: boolean;
}

/** Tries in one slot after which trying again is not worth waiting for. */
const hopelessTries = 3;

/** Pure: what is reached of an `up`, and whether more is to be expected. */
export function judgeUp(wanted: UpWanted, state: Watched): Judgement {
  const services = wantedServices(wanted, state);
  const views = services.flatMap((service) => viewsOf(service, wanted, state));
  const failures = views.flatMap(({ failure }) => failure ?? []);
  const gates = services.flatMap((service) => failedGate(service, state) ?? []);
  const failure = gates[0] ?? failures[0];
  const waiting = views.filter(({ good, stuck }) => !good && stuck === undefined);
  const stuck = [...new Set(views.flatMap((view) => view.stuck ?? []))];
  const rows = [
    ...objectRows(wanted.changes),
    ...onePerId(views.map(({ row }) => row)),
    ...removedRows(wanted, state),
  ];
  const missing = wanted.services.length - services.length;
  return {
    rows,
    done: missing === 0 && stuck.length === 0 && waiting.length === 0,
    ...(failure === undefined ? {} : { failure }),
    // What waits only for a stuck one is no reason to wait on.
    stuck: waiting.every(({ gated }) => gated === true) ? stuck : [],
  };
}

/** The first of each: what is said of a service's change is more than that tasks are missing. */
function onePerId(rows: readonly ProgressRow[]): readonly ProgressRow[] {
  const seen = new Set<string>();
  return rows.filter(({ id }) => !seen.has(id) && seen.add(id));
}

function wantedServices(wanted: UpWanted, state: Watched): readonly Service[] {
  const names = new Set(wanted.services);
  return [...state.services.values()]
    .filter(({ spec }) => spec.project === wanted.project && names.has(spec.service))
    .sort((a, b) => (a.spec.service < b.spec.service ? -1 : 1));
}

function objectRows(changes: readonly AppliedChange[]): readonly ProgressRow[] {
  return changes
    .filter(({ kind, action }) => kind !== 'service' && action === 'created')
    .map(({ kind, name }) => ({
      id: `${kind.replace(/^./u, (first) => first.toUpperCase())} ${name}`,
      text: 'Created',
      state: 'done' as const,
    }));
}

function serviceViews(service: Service, wanted: UpWanted, state: Watched): readonly SlotView[] {
  const replicas = replicasOf(service);
  const slots = slotsOf(service, state);
  const kept = slots.filter(({ current }) => current !== undefined);
  const views = slots
    .filter(({ current, leaving }) => current !== undefined || leaving.length > 0)
    .map((slot) => slotView({ service, slot, wanted, state }));
  const row = { id: `Service ${service.spec.name}`, text: 'Scheduling', state: 'working' } as const;
  if (replicas !== undefined) {
    // Too few, or too many that were not yet told to go.
    return replicas === kept.length ? views : [...views, { row, good: false }];
  }
  // Also between the end of an outdated task and its successor, when the slot has nothing.
  if (unfilledNodes(service, slots, state).length > 0) return [...views, { row, good: false }];
  if (kept.length > 0 || !anyReadyNode(state)) return views;
  return [...views, { row, good: false, stuck: `service ${service.spec.service}: no node fits` }];
}

/** While the manager watches a change, it is the one to say that it has failed. */
function viewsOf(service: Service, wanted: UpWanted, state: Watched): readonly SlotView[] {
  const slots = serviceViews(service, wanted, state);
  const { row, isWatched, failure } = updateView(service, wanted);
  if (row === undefined) return slots;
  const update = { row, good: false, ...(failure === undefined ? {} : { failure }) };
  if (!isWatched) return [update, ...slots];
  // It goes no further than a slot for which there is no room.
  return [{ ...update, gated: true }, ...slots.map((view) => withoutVerdict(view))];
}

function withoutVerdict({ row, good, stuck }: SlotView): SlotView {
  return { row, good, ...(row.text === 'Pending' && stuck !== undefined ? { stuck } : {}) };
}

function anyReadyNode(state: Watched): boolean {
  return [...state.nodes.values()].some((node) => node.status.state === 'ready');
}

/** A slot and all that says how it stands. */
interface SlotContext {
  readonly service: Service;
  readonly slot: Slot;
  readonly wanted: UpWanted;
  readonly state: Watched;
}

function slotView(context: SlotContext): SlotView {
  const { slot, state } = context;
  const { current, leaving } = slot;
  const task = current ?? leaving[0];
  const id = `Container ${task?.containerName ?? ''}`;
  if (current === undefined) {
    const text = task?.desired === 'running' ? 'Recreate' : 'Stopping';
    return { row: { id, text, state: 'working' }, good: false };
  }
  const view = currentView(context, current);
  const row: ProgressRow = { id, detail: nodeName(state, current), ...view.row };
  const good = view.good && leaving.length === 0;
  return { ...view, row: view.good && !good ? { ...row, state: 'working' } : row, good };
}

type CurrentView = Omit<SlotView, 'row'> & { readonly row: Omit<ProgressRow, 'id'> };

function currentView(context: SlotContext, task: Task): CurrentView {
  const { service, slot, state } = context;
  const { state: reached } = task.status;
  if (isLost(context, task)) {
    return { row: { text: 'Rescheduling', state: 'working' }, good: false };
  }
  if (isTerminal(reached)) return endedView(context, task);
  if (reached === 'running') return runningView(context, task);
  if (reached === 'ready' && context.wanted.until === 'created') {
    return { row: { text: 'Created', state: 'done' }, good: true };
  }
  const reason = pendingReason(task);
  if (reason !== undefined) {
    const stuck = `service ${service.spec.service}: no node for ${task.containerName}: ${reason}`;
    return { row: { text: 'Pending', state: 'warning', detail: reason }, good: false, stuck };
  }
  if (task.desired === 'ready' && !isMoving(task)) {
    return { row: { text: 'Waiting', state: 'working' }, good: false, gated: true };
  }
  const tries = slot.ended.filter(neverRan);
  if (tries.length >= hopelessTries && tries[0] !== undefined) {
    const stuck = startFailure(service, tries[0], nodeOf(state, tries[0]));
    return { row: { text: 'Error', state: 'error' }, good: false, stuck };
  }
  return { row: workingRow(task), good: false };
}

/** A worker that prepares says what it waits for: `pulling IMAGE: 27%`, `fetching IMAGE from …`. */
function workingRow({ status }: Task): CurrentView['row'] {
  const image = status.state === 'preparing' && /^(pull|fetch)ing /u.test(status.message);
  if (!image) return { text: workingWords[status.state] ?? 'Creating', state: 'working' };
  const text = status.message.startsWith('pull') ? 'Pulling' : 'Fetching';
  const percent = /: (\d+)%$/u.exec(status.message)?.[1];
  if (percent === undefined) return { text, state: 'working' };
  return {
    text,
    state: 'working',
    meter: { fraction: Number(percent) / 100, text: `${percent}%` },
  };
}

/** On a node that is down, or given up with it: another task is to come. */
function isLost({ state }: SlotContext, task: Task): boolean {
  if (task.status.state === 'orphaned' || task.status.state === 'shutdown') return true;
  return !isTerminal(task.status.state) && isNodeDown(nodeOf(state, task));
}

/** On its way to `ready`, which comes before any waiting for dependencies. */
function isMoving(task: Task): boolean {
  return isAssigned(task.status.state) && task.status.state !== 'ready';
}

const workingWords: Readonly<Record<string, string>> = {
  new: 'Scheduling',
  pending: 'Scheduling',
  assigned: 'Scheduled',
  accepted: 'Scheduled',
  preparing: 'Creating',
  ready: 'Created',
  starting: 'Starting',
};

function runningView(context: SlotContext, task: Task): CurrentView {
  const { service, wanted } = context;
  const { status, id } = task;
  const before = wanted.before.tasks.get(id);
  const text = before?.status.state === 'running' ? 'Running' : 'Started';
  if (status.startedAt === undefined) return restartingView(context, task);
  if (wanted.until === 'healthy' && service.spec.mode.job === true) {
    return { row: { text: 'Running', state: 'working' }, good: false };
  }
  if (wanted.until !== 'healthy' || status.health === undefined) {
    return { row: { text, state: 'done' }, good: true };
  }
  if (status.health === 'healthy') return { row: { text: 'Healthy', state: 'done' }, good: true };
  if (status.health === 'starting') {
    return { row: { text: 'Waiting', state: 'working' }, good: false };
  }
  return {
    row: { text: 'Error', state: 'error' },
    good: false,
    failure: `container ${task.containerName} is unhealthy`,
  };
}

/** The engine starts it again and again: for `-d` it was started, for `--wait` it does not run. */
function restartingView({ service, wanted }: SlotContext, task: Task): CurrentView {
  // It has ended and its engine lets it be: the report of its end is on the way.
  if (task.spec.container.engineRestart.name === 'no') {
    return { row: { text: 'Started', state: 'working' }, good: false };
  }
  const row = { text: 'Restarting', state: 'warning' } as const;
  if (wanted.until !== 'healthy') return { row, good: true };
  const code = task.status.exitCode ?? 0;
  const tries = task.status.restarts ?? 0;
  if (tries < hopelessTries) return { row: { ...row, state: 'working' }, good: false };
  const failure = `service ${service.spec.service}: container ${task.containerName} keeps ending with code ${code}`;
  return { row: { text: 'Error', state: 'error' }, good: false, failure };
}

/** Ended before a container ran: a missing image, a refused create or start. */
function neverRan({ status }: Task): boolean {
  if (status.state === 'rejected') return true;
  return status.state === 'failed' && status.exitCode === undefined;
}

function endedView(context: SlotContext, task: Task): CurrentView {
  const { service, slot, wanted, state } = context;
  if (neverRan(task)) {
    const why = startFailure(service, task, nodeOf(state, task));
    const tries = slot.ended.filter(neverRan).length + 1;
    const row = { text: 'Error', state: 'error' } as const;
    return tries >= hopelessTries
      ? { row, good: false, failure: why }
      : { row, good: false, stuck: why };
  }
  if (wentWithLeader(service, task, state)) {
    return { row: { text: 'Rescheduling', state: 'working' }, good: false };
  }
  const code = task.status.exitCode ?? 0;
  const detail = `exited (${code})${nodeSuffix(state, task)}`;
  const row = { text: 'Exited', state: code === 0 ? 'done' : 'warning', detail } as const;
  if (wanted.until !== 'healthy' || code === 0) return { row, good: true };
  const failure = `container ${task.containerName} exited (${code})`;
  return { row: { ...row, state: 'error' }, good: false, failure };
}

function nodeSuffix(state: Watched, task: Task): string {
  const name = nodeName(state, task);
  return name === '' ? '' : ` on ${name}`;
}

function nodeOf(state: Watched, task: Task): Node | undefined {
  return task.nodeId === undefined ? undefined : state.nodes.get(task.nodeId);
}

/** Names the image and the node, whatever words the engine found. */
export function startFailure(service: Service, task: Task, on: Node | undefined): string {
  const { image } = task.spec.container;
  const reason = task.status.error ?? task.status.message;
  const isHook = /^(?:post_start|pre_stop) hook /u.test(reason);
  const withImage = isHook || reason.includes(image) ? reason : `image ${image}: ${reason}`;
  const node = on?.spec.name ?? '';
  const where = node === '' || withImage.includes(node) ? '' : ` on ${node}`;
  return `service ${service.spec.service}${where}: ${withImage}`;
}

/** Containers that were there when the command began and are gone now. */
function removedRows(wanted: UpWanted, state: Watched): readonly ProgressRow[] {
  const names = new Set([...state.tasks.values()].map(({ containerName }) => containerName));
  const gone = [...wanted.before.tasks.values()].filter(
    (task) => !names.has(task.containerName) && task.status.containerId !== undefined,
  );
  return gone.map((task) => ({
    id: `Container ${task.containerName}`,
    text: 'Removed',
    state: 'done' as const,
    detail: nodeName(wanted.before, task),
  }));
}
