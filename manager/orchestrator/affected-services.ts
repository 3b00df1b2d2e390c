import type { ServiceId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import { stopsFor } from '../common/model/dependents.js';
import { podLinksOf } from '../common/model/pod.js';
import type { Service } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import { usesQuota } from '../store/indexes/project-usage.js';
import type { Commit, StoreChange, StoreView } from '../store/store.js';

/** Key of the search for networks that nothing uses; services have their id as key. */
export const unusedNetworksKey = 'unused networks';
export type OrchestratorKey = ServiceId | typeof unusedNetworksKey;

export function isServiceKey(key: OrchestratorKey): key is ServiceId {
  return key !== unusedNetworksKey;
}

/** All keys: every service and the unused networks. */
export function allKeys(view: StoreView): readonly OrchestratorKey[] {
  return [...view.list('services').map(({ id }) => id), unusedNetworksKey];
}

/** Keys that a commit may concern. `view` includes the commit. */
export function affectedKeys(view: StoreView, commit: Commit): readonly OrchestratorKey[] {
  return commit.changes.flatMap((change) => affectedByChange(view, change));
}

function affectedByChange(view: StoreView, change: StoreChange): readonly OrchestratorKey[] {
  switch (change.table) {
    case 'services':
      return affectedByService(view, change.after ?? change.before);
    case 'tasks':
      return affectedByTask(view, change.before, change.after);
    case 'nodes':
      return affectedByNode(view, change.before, change.after);
    case 'projects':
      return view.servicesOverQuota(change.id);
    case 'networks':
      return [unusedNetworksKey];
    case 'leases':
      return change.after === undefined ? [unusedNetworksKey] : [];
    default:
      return [];
  }
}

function affectedByService(
  view: StoreView,
  service: Service | undefined,
): readonly OrchestratorKey[] {
  if (service === undefined) return [];
  const { project, service: name } = service.spec;
  return [
    service.id,
    unusedNetworksKey,
    ...dependentsOf(view, project, name),
    ...awaitingEndOf(view, service),
  ];
}

function affectedByTask(
  view: StoreView,
  before: Task | undefined,
  after: Task | undefined,
): readonly OrchestratorKey[] {
  const task = after ?? before;
  if (task === undefined || isUnchangedTask(before, after)) return [];
  const dependents = dependentsOf(view, task.project, task.service);
  const networks = after === undefined ? ([unusedNetworksKey] as const) : [];
  const service = view.get('services', task.serviceId);
  const awaiting = service === undefined ? [] : awaitingEndOf(view, service);
  const waiting = mayFreeQuota(before, after) ? view.servicesOverQuota(task.project) : [];
  // The own service comes first: its next task takes over the share of one that has ended.
  return [task.serviceId, ...networks, ...dependents, ...awaiting, ...waiting];
}

function mayFreeQuota(before: Task | undefined, after: Task | undefined): boolean {
  if (before === undefined || !usesQuota(before)) return false;
  return after === undefined || !usesQuota(after) || before.spec !== after.spec;
}

/** Services that wait for this one or share its namespaces or volumes. */
function dependentsOf(view: StoreView, project: string, name: string): readonly ServiceId[] {
  return view
    .dependentsOfService(project, name)
    .filter(({ spec, dependenciesMet }) => {
      const isFollower = podLinksOf(spec.task.container).some(({ service }) => service === name);
      return (
        isFollower || (!dependenciesMet && spec.dependsOn.some((each) => each.service === name))
      );
    })
    .map(({ id }) => id);
}

/** Services that are recreated once this one has stopped. */
function awaitingEndOf(view: StoreView, service: Service): readonly ServiceId[] {
  if (service.dependenciesMet) return [];
  const keys = stopsFor(service.spec);
  if (keys.length === 0) return [];
  return view
    .servicesOfProject(service.spec.project)
    .filter(({ spec }) => keys.includes(spec.service))
    .map(({ id }) => id);
}

function affectedByNode(
  view: StoreView,
  before: Node | undefined,
  after: Node | undefined,
): readonly OrchestratorKey[] {
  const node = after ?? before;
  if (node === undefined || isUnchangedNode(before, after)) return [];
  const tasks = view.tasksOfNode(node.id);
  const projects = new Set(tasks.map(({ project }) => project));
  return [
    ...tasks.flatMap(({ serviceId }) => {
      const service = view.get('services', serviceId);
      return [serviceId, ...(service === undefined ? [] : awaitingEndOf(view, service))];
    }),
    ...[...projects].flatMap((project) => view.servicesOverQuota(project)),
    ...view.globalServices().map(({ id }) => id),
    unusedNetworksKey,
  ];
}

function isUnchangedNode(before: Node | undefined, after: Node | undefined): boolean {
  return (
    before?.spec === after?.spec &&
    before?.description === after?.description &&
    before?.status.state === after?.status.state
  );
}

function isUnchangedTask(before: Task | undefined, after: Task | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  return (
    before.status.state === after.status.state &&
    before.status.health === after.status.health &&
    before.status.startedAt === after.status.startedAt &&
    before.desired === after.desired &&
    before.explanation?.placed === after.explanation?.placed &&
    before.explanation?.awaits === after.explanation?.awaits &&
    before.nodeId === after.nodeId &&
    before.spec === after.spec
  );
}
