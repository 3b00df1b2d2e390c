import type { Network } from '../../../../manager/common/model/network.js';
import type { Task } from '../../../../manager/common/model/task.js';
import { hostPort } from '../../../output/ports.js';
import { portAddress } from '../../../../manager/common/model/published-ports.js';
import { table } from '../../../output/table.js';
import type { ActionVerb } from './action.js';
import { actionFor } from './actions.js';
import type { Key } from './key.js';
import { logScreen, logSubject } from './log-screen.js';
import { keyName } from './key.js';
import type { Listing } from '../state/list-cache.js';
import { selectAt, actionTargets } from '../state/list-cache.js';
import type { ListScreen, Screen, State, Transition } from '../state/model.js';
import {
  bodyRows,
  withFlash,
  homeScreen,
  listScreen,
  pushScreen,
  replaceTopScreen,
} from '../state/model.js';
import { sortOf } from '../state/preferences.js';
import { sanitizeText } from '../paint/text.js';
import type { RenderContext, Row, ListScope, Sort } from '../state/view.js';
import type { ListName } from '../views/all.js';

export interface ListContext {
  readonly state: State;
  readonly screen: ListScreen;
  readonly listing: Listing;
  readonly look: RenderContext;
}

const stay = (state: State): Transition => ({ state, effects: [] });

const verbs: Readonly<Record<string, ActionVerb>> = {
  '+': 'scaleUp',
  '=': 'scaleUp',
  '-': 'scaleDown',
  r: 'restart',
  R: 'roll',
  B: 'rollBack',
  S: 'stop',
  U: 'start',
  K: 'kill',
  D: 'drain',
  A: 'activate',
  'ctrl-d': 'remove',
};

/** Handles a key on a list. */
export function onList(context: ListContext, key: Key): Transition {
  const name = keyName(key);
  const verb = verbs[name];
  if (verb !== undefined) return act(context, verb);
  const moved = movedBy(name, context.listing, bodyRows(context.state.size) - 1);
  if (moved !== undefined) {
    return stay(replaceTopScreen(context.state, selectAt(context.screen, context.listing, moved)));
  }
  const changed = changedView(name, context);
  if (changed !== undefined) return stay(replaceTopScreen(context.state, changed));
  return opened(name, context);
}

/** The new row of the cursor; undefined if the key does not move it. */
function movedBy(name: string, { cursor, rows }: Listing, page: number): number | undefined {
  switch (name) {
    case 'up':
    case 'k':
      return cursor - 1;
    case 'down':
    case 'j':
      return cursor + 1;
    case 'pageUp':
    case 'ctrl-b':
      return cursor - page;
    case 'pageDown':
    case 'ctrl-f':
      return cursor + page;
    case 'home':
    case 'g':
      return 0;
    case 'end':
    case 'G':
      return rows.length - 1;
    default:
      return undefined;
  }
}

/** The list with a changed presentation; undefined if the key does not change it. */
function changedView(name: string, { screen, listing, look }: ListContext): ListScreen | undefined {
  switch (name) {
    case '<':
    case '>':
      return { ...screen, sort: nextSort(sortOf(screen, look), listing, name === '>' ? 1 : -1) };
    case 'i': {
      const sort = sortOf(screen, look);
      return { ...screen, sort: { ...sort, descending: !sort.descending } };
    }
    case '!':
      return { ...screen, problems: !screen.problems };
    case 'a':
      return { ...screen, scope: { ...screen.scope, history: screen.scope.history !== true } };
    case 'ctrl-w':
      return { ...screen, wide: !screen.wide };
    case ' ':
      return toggleMark(screen, listing);
    case 'ctrl-\\':
      return { ...screen, marks: new Set() };
    default:
      return undefined;
  }
}

function nextSort(sort: Sort, { view }: Listing, step: 1 | -1): Sort {
  const keys = view.columns.map(({ key }) => key);
  const at = keys.indexOf(sort.column);
  return sortedBy(keys[(at + step + keys.length) % keys.length] ?? sort.column);
}

const descendingColumns = new Set([
  'cpu',
  'mem',
  'trend',
  'memtrend',
  'restarts',
  'net',
  'io',
  'load',
  'disk',
]);

/** The default order of a column: resource usage sorts descending. */
export function sortedBy(column: string): Sort {
  return { column, descending: descendingColumns.has(column) };
}

/** Toggles the mark of the row and moves to the next. */
function toggleMark(screen: ListScreen, listing: Listing): ListScreen {
  const row = listing.rows[listing.cursor];
  if (row === undefined) return screen;
  const marks = new Set(screen.marks);
  if (!marks.delete(row.id)) marks.add(row.id);
  return selectAt({ ...screen, marks }, listing, listing.cursor + 1);
}

function act({ state, screen, listing, look }: ListContext, verb: ActionVerb): Transition {
  if (state.readOnly) return stay(withFlash(state, 'read-only: no changes', 'bad', look.now));
  const action = actionFor(verb, screen.view, actionTargets(screen, listing), look.world);
  if (typeof action === 'string') return stay(withFlash(state, action, 'bad', look.now));
  if (action.confirm === 'none') return { state, effects: [{ kind: 'act', action }] };
  return stay({ ...state, mode: { kind: 'confirm', action, typed: '' } });
}

/** Handles keys that open another screen or have an effect outside the list. */
function opened(name: string, context: ListContext): Transition {
  const { state, screen, listing, look } = context;
  const row = listing.rows[listing.cursor];
  if (row === undefined) return stay(state);
  switch (name) {
    case 'enter':
    case 'right':
      return entered(context, row);
    case 'd':
    case 'w':
    case 'y': {
      const kind = ({ d: 'describe', w: 'why', y: 'raw' } as const)[name];
      const source = { kind, view: screen.view, id: row.id };
      return stay(pushScreen(state, { kind: 'text', source, top: 0 }));
    }
    case 'h':
      return openHistory(context, row);
    case 'o':
      return copyUrl(context, row);
    case 'ctrl-s':
      return { state, effects: [{ kind: 'save', name: screen.view, lines: listText(context) }] };
    case 'l':
      return openLogs(context, row);
    case 's':
      return openShell(context, row);
    case 'c':
      return {
        state: withFlash(state, `copied ${rowName(row)}`, 'good', look.now),
        effects: [{ kind: 'copy', text: rowName(row) }],
      };
    default:
      return stay(state);
  }
}

/** Opens the deploys of the service or project. */
function openHistory({ state, screen, look }: ListContext, row: Row): Transition {
  const scope: ListScope | undefined =
    screen.view === 'services'
      ? { serviceId: row.id }
      : screen.view === 'tasks'
        ? { serviceId: (row.item as Task).serviceId }
        : screen.view === 'projects'
          ? { project: row.id }
          : undefined;
  if (scope === undefined) {
    return stay(withFlash(state, 'only services and projects have a history', 'bad', look.now));
  }
  return stay(pushScreen(state, listScreen('history', scope)));
}

/** Copies the URL of the first published TCP port. */
function copyUrl({ state, screen, look }: ListContext, row: Row): Transition {
  const { world } = look;
  const tasks =
    screen.view === 'tasks'
      ? [row.item as Task]
      : screen.view === 'services'
        ? world.tasksOf(row.id)
        : [];
  const url = tasks
    .filter(({ status }) => status.state === 'running')
    .flatMap((task) => urlsOf(task, world.nodeOf(task)?.description.address ?? ''))[0];
  if (url === undefined) return stay(withFlash(state, 'no published port', 'bad', look.now));
  return {
    state: withFlash(state, `copied ${url}`, 'good', look.now),
    effects: [{ kind: 'copy', text: url }],
  };
}

function urlsOf({ status }: Task, address: string): readonly string[] {
  return (status.ports ?? [])
    .filter(({ protocol, published }) => protocol === 'tcp' && published > 0)
    .map((port) => {
      const scheme = port.target === 443 || port.target === 8443 ? 'https' : 'http';
      return `${scheme}://${hostPort(portAddress(port, address), port.published)}`;
    });
}

/** The filtered list as a plain table with all columns, one line per row. */
function listText({ listing, look }: ListContext): readonly string[] {
  const { columns } = listing.view;
  return table(
    columns.map(({ title }) => title),
    listing.rows.map(({ item }) => columns.map((column) => column.text(item, look))),
  )
    .trimEnd()
    .split('\n');
}

function rowName({ item, id }: Row): string {
  const named = item as {
    readonly containerName?: string;
    readonly name?: string;
    readonly spec?: { readonly name?: string };
  };
  return sanitizeText(named.containerName ?? named.spec?.name ?? named.name ?? id);
}

const childViews: Partial<Record<ListName, readonly [ListName, (row: Row) => ListScope]>> = {
  projects: ['services', ({ id }) => ({ project: id })],
  services: ['tasks', ({ id }) => ({ serviceId: id })],
  jobs: ['tasks', ({ id }) => ({ serviceId: id, history: true })],
  machines: ['tasks', ({ id }) => ({ nodeId: id })],
  networks: ['endpoints', ({ item }) => ({ networkId: (item as Network).id })],
  images: ['tasks', ({ id }) => ({ image: id })],
};

function entered(context: ListContext, row: Row): Transition {
  const { state, screen } = context;
  if (screen.view === 'tasks') return openLogs(context, row);
  const next = childViews[screen.view];
  if (next !== undefined) return stay(pushScreen(state, listScreen(next[0], next[1](row))));
  const source = { kind: 'describe', view: screen.view, id: row.id } as const;
  return stay(pushScreen(state, { kind: 'text', source, top: 0 }));
}

function openLogs({ state, screen, look }: ListContext, row: Row): Transition {
  const subject = logSubject(screen.view, row);
  if (subject === undefined) {
    return stay(withFlash(state, 'only tasks, services and projects have a log', 'bad', look.now));
  }
  const opening = logScreen(subject);
  return { state: pushScreen(state, opening), effects: [{ kind: 'openLogs', screen: opening }] };
}

function openShell({ state, screen, look }: ListContext, row: Row): Transition {
  if (state.readOnly) return stay(withFlash(state, 'read-only: no shell', 'bad', look.now));
  const task =
    screen.view === 'tasks'
      ? (row.item as Task)
      : screen.view === 'services'
        ? look.world.tasksOf(row.id).find(({ status }) => status.state === 'running')
        : undefined;
  if (task === undefined) {
    return stay(withFlash(state, 'select a running task first', 'bad', look.now));
  }
  return { state, effects: [{ kind: 'shell', taskId: task.id }] };
}

/** Screens of the digit keys, from 1. */
export const digitViews: readonly (ListName | 'home')[] = [
  'home',
  'machines',
  'projects',
  'services',
  'tasks',
  'networks',
  'volumes',
  'images',
  'events',
];

export function digitScreen(name: string): Screen | undefined {
  if (name === '0' || name === 't') return { kind: 'topology', selected: undefined, left: 0 };
  const view = /^[1-9]$/u.test(name) ? digitViews[Number(name) - 1] : undefined;
  if (view === undefined) return undefined;
  return view === 'home' ? homeScreen : listScreen(view);
}
