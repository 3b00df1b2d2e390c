import type { WatchMessage, WatchObject, WatchTable } from '../../protocol/control.js';
import type { Commit, StoreChange, StoreView } from '../../store/store.js';
import type { ControlStreams } from './stream-context.js';
import { Outbox } from './outbox.js';

function isWatched(change: StoreChange): change is Extract<StoreChange, { table: WatchTable }> {
  switch (change.table) {
    case 'services':
    case 'tasks':
    case 'nodes':
    case 'networks':
    case 'volumes':
      return true;
    default:
      return false;
  }
}

/** Nodes concern every project. */
function isOf(project: string | undefined, table: WatchTable, object: WatchObject): boolean {
  if (project === undefined || table === 'nodes') return true;
  return 'project' in object
    ? object.project === project
    : (object.spec as { readonly project?: string }).project === project;
}

export function snapshotOf(view: StoreView, project: string | undefined): WatchMessage {
  const services = project === undefined ? view.list('services') : view.servicesOfProject(project);
  return {
    kind: 'snapshot',
    services,
    tasks:
      project === undefined
        ? view.list('tasks')
        : services.flatMap((service) => view.tasksOfService(service.id)),
    nodes: view.list('nodes'),
    networks: view.list('networks').filter((item) => isOf(project, 'networks', item)),
    volumes: view.list('volumes').filter((item) => isOf(project, 'volumes', item)),
  };
}

/** What a commit means to one who watches a project. */
export function deltasOf(commit: Commit, project: string | undefined): readonly WatchMessage[] {
  return commit.changes.filter(isWatched).flatMap((change): WatchMessage[] => {
    const { table, id, before, after } = change;
    const object = after ?? before;
    if (object === undefined || !isOf(project, table, object)) return [];
    if (after === undefined) return [{ kind: 'remove', table, id }];
    return [{ kind: 'put', table, object: after }];
  });
}

/** Snapshot, then every change: taken in one turn of the event loop, so nothing lies between. */
export const watch: ControlStreams['watch'] = async ({ store }, args, { stream, ended }) => {
  const project = args.optionalText('project');
  const outbox = new Outbox(stream);
  const stop = store.watch((commit) => {
    for (const message of deltasOf(commit, project)) outbox.push(message);
  });
  outbox.push(snapshotOf(store.view, project));
  try {
    const failure = await Promise.race([ended, outbox.failed]);
    if (failure !== undefined) throw failure;
  } finally {
    stop();
  }
};
