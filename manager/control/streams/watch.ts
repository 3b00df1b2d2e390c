import type { Config, Secret } from '../../common/model/secret.js';
import type {
  DataInfo,
  WatchMessage,
  WatchObject,
  WatchTable,
} from '../../common/protocol/control.js';
import { watchTables } from '../../common/protocol/control.js';
import type { Commit, StoreChange, StoreView } from '../../store/store.js';
import type { ControlStreams } from './stream-context.js';
import { SendQueue } from './send-queue.js';

function isWatched(change: StoreChange): change is Extract<StoreChange, { table: WatchTable }> {
  return watchTables.some((table) => table === change.table);
}

/** True for objects of the project; nodes belong to every project. */
function belongsTo(project: string | undefined, table: WatchTable, object: WatchObject): boolean {
  if (project === undefined || table === 'nodes') return true;
  return 'project' in object
    ? object.project === project
    : (object.spec as { readonly project?: string }).project === project;
}

export function snapshotOf(
  view: StoreView,
  project: string | undefined,
  withData = false,
): WatchMessage {
  const services = project === undefined ? view.list('services') : view.servicesOfProject(project);
  return {
    kind: 'snapshot',
    services,
    tasks:
      project === undefined
        ? view.list('tasks')
        : services.flatMap((service) => view.tasksOfService(service.id)),
    nodes: view.list('nodes'),
    networks: view.list('networks').filter((item) => belongsTo(project, 'networks', item)),
    volumes: view.list('volumes').filter((item) => belongsTo(project, 'volumes', item)),
    ...(withData && {
      secrets: view.list('secrets').map(withoutData),
      configs: view.list('configs').map(withoutData),
    }),
  };
}

const isData = (table: WatchTable): boolean => table === 'secrets' || table === 'configs';

/** Content goes only to the nodes that run a task that uses it, never to clients. */
function withoutData({ data: _data, ...seen }: Secret | Config): DataInfo {
  return seen;
}

/** Translates a commit into watch messages for one project; undefined means all projects. */
export function deltasOf(
  commit: Commit,
  project: string | undefined,
  withData = false,
): readonly WatchMessage[] {
  return commit.changes.filter(isWatched).flatMap((change): WatchMessage[] => {
    const { table, id, before, after } = change;
    const object = after ?? before;
    if (object === undefined || !belongsTo(project, table, object)) return [];
    if (isData(table) && !withData) return [];
    if (after === undefined) return [{ kind: 'remove', table, id }];
    return [{ kind: 'put', table, object: 'data' in after ? withoutData(after) : after }];
  });
}

/**
 * Sends a snapshot, then every change. Both start in the same turn of the event loop, so no change
 * is missed between them.
 */
export const watchStream: ControlStreams['watch'] = async ({ store }, args, { stream, ended }) => {
  const project = args.optionalText('project');
  const withData = args.flag('data');
  const outbox = new SendQueue(stream);
  const stop = store.watch((commit) => {
    for (const message of deltasOf(commit, project, withData)) outbox.push(message);
  });
  outbox.push(snapshotOf(store.view, project, withData));
  try {
    const failure = await Promise.race([ended, outbox.failed]);
    if (failure !== undefined) throw failure;
  } finally {
    stop();
  }
};
