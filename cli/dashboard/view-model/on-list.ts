import type { Network } from '../../../manager/model/network.js';
import type { Service } from '../../../manager/model/service.js';
import type { Task } from '../../../manager/model/task.js';
import type { Verb } from './actions.js';
import { actionFor } from './actions.js';
import type { Key } from './key.js';
import { keyName } from './key.js';
import type { Listing } from './lists.js';
import { selectAt, targetsOf } from './lists.js';
import { LogBuffer } from './logs.js';
import type { ListScreen, LogScreen, Screen, State, Step } from './model.js';
import { bodyRows, flashed, listScreen, pushed, withTop } from './model.js';
import { harmless } from './text.js';
import type { Look, Row, Scope } from './view.js';
import type { ListName } from './views/all.js';

export interface ListContext {
  readonly state: State;
  readonly screen: ListScreen;
  readonly listing: Listing;
  readonly look: Look;
}

const stay = (state: State): Step => ({ state, effects: [] });

const verbs: Readonly<Record<string, Verb>> = {
  '+': 'scaleUp',
  '=': 'scaleUp',
  '-': 'scaleDown',
  r: 'restart',
  S: 'stop',
  U: 'start',
  K: 'kill',
  D: 'drain',
  A: 'activate',
  'ctrl-d': 'remove',
};

/** What a key does on a list. */
export function onList(context: ListContext, key: Key): Step {
  const name = keyName(key);
  const verb = verbs[name];
  if (verb !== undefined) return act(context, verb);
  const moved = movedBy(name, context.listing, bodyRows(context.state.size) - 1);
  if (moved !== undefined) {
    return stay(withTop(context.state, selectAt(context.screen, context.listing, moved)));
  }
  const changed = changedView(name, context);
  if (changed !== undefined) return stay(withTop(context.state, changed));
  return opened(name, context);
}

/** Row the cursor goes to. */
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

/** How the list is shown. */
function changedView(name: string, { screen, listing }: ListContext): ListScreen | undefined {
  switch (name) {
    case '<':
    case '>':
      return { ...screen, sort: nextSort(screen, listing, name === '>' ? 1 : -1) };
    case 'i':
      return { ...screen, sort: { ...screen.sort, descending: !screen.sort.descending } };
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

function nextSort(screen: ListScreen, { view }: Listing, step: 1 | -1): ListScreen['sort'] {
  const keys = view.columns.map(({ key }) => key);
  const at = keys.indexOf(screen.sort.column);
  const column = keys[(at + step + keys.length) % keys.length] ?? screen.sort.column;
  // Of what is used, most people look for the most.
  const descending = ['cpu', 'mem', 'trend', 'restarts', 'net', 'io', 'load', 'disk'].includes(
    column,
  );
  return { column, descending };
}

/** Marks the row and goes on to the next. */
function toggleMark(screen: ListScreen, listing: Listing): ListScreen {
  const row = listing.rows[listing.cursor];
  if (row === undefined) return screen;
  const marks = new Set(screen.marks);
  if (!marks.delete(row.id)) marks.add(row.id);
  return selectAt({ ...screen, marks }, listing, listing.cursor + 1);
}

function act({ state, screen, listing, look }: ListContext, verb: Verb): Step {
  if (state.readOnly) return stay(flashed(state, 'read only: nothing is changed', 'bad', look.now));
  const action = actionFor(verb, screen.view, targetsOf(screen, listing), look.world);
  if (typeof action === 'string') return stay(flashed(state, action, 'bad', look.now));
  if (action.confirm === 'none') return { state, effects: [{ kind: 'act', action }] };
  return stay({ ...state, mode: { kind: 'confirm', action, typed: '' } });
}

/** Keys that lead somewhere else. */
function opened(name: string, context: ListContext): Step {
  const { state, screen, listing, look } = context;
  const row = listing.rows[listing.cursor];
  if (row === undefined) return stay(state);
  switch (name) {
    case 'enter':
    case 'right':
      return entered(context, row);
    case 'd':
    case 'w':
      return stay(
        pushed(state, {
          kind: 'text',
          source: { kind: name === 'd' ? 'describe' : 'why', view: screen.view, id: row.id },
          top: 0,
        }),
      );
    case 'l':
      return openLogs(context, row);
    case 's':
      return openShell(context, row);
    case 'c':
      return {
        state: flashed(state, `copied ${rowName(row)}`, 'good', look.now),
        effects: [{ kind: 'copy', text: rowName(row) }],
      };
    default:
      return stay(state);
  }
}

function rowName({ item, id }: Row): string {
  const named = item as {
    readonly containerName?: string;
    readonly name?: string;
    readonly spec?: { readonly name?: string };
  };
  return harmless(named.containerName ?? named.spec?.name ?? named.name ?? id);
}

const inside: Partial<Record<ListName, readonly [ListName, (row: Row) => Scope]>> = {
  projects: ['services', ({ id }) => ({ project: id })],
  services: ['tasks', ({ id }) => ({ serviceId: id })],
  machines: ['tasks', ({ id }) => ({ nodeId: id })],
  networks: ['endpoints', ({ item }) => ({ networkId: (item as Network).id })],
  images: ['tasks', ({ id }) => ({ image: id })],
};

function entered(context: ListContext, row: Row): Step {
  const { state, screen } = context;
  if (screen.view === 'tasks') return openLogs(context, row);
  const next = inside[screen.view];
  if (next !== undefined) return stay(pushed(state, listScreen(next[0], next[1](row))));
  const source = { kind: 'describe', view: screen.view, id: row.id } as const;
  return stay(pushed(state, { kind: 'text', source, top: 0 }));
}

type LogSubject = Pick<LogScreen, 'title' | 'project' | 'services' | 'index' | 'container'>;

export function logSubject(view: ListName, row: Row): LogSubject | undefined {
  switch (view) {
    case 'tasks': {
      const task = row.item as Task;
      return taskLog(task);
    }
    case 'services': {
      const { spec } = row.item as Service;
      return {
        title: `${spec.project}/${spec.service}`,
        project: spec.project,
        services: [spec.service],
        index: undefined,
        container: undefined,
      };
    }
    case 'projects':
      return {
        title: row.id,
        project: row.id,
        services: [],
        index: undefined,
        container: undefined,
      };
    default:
      return undefined;
  }
}

export function taskLog(task: Task): LogSubject {
  return {
    title: task.containerName,
    project: task.project,
    services: [task.service],
    index: task.slot,
    container: undefined,
  };
}

export function logScreen(subject: LogSubject): LogScreen {
  return {
    kind: 'logs',
    ...subject,
    buffer: new LogBuffer(),
    bottom: undefined,
    wrap: false,
    stamps: false,
    search: '',
    only: false,
    sinceMinutes: undefined,
  };
}

function openLogs({ state, screen, look }: ListContext, row: Row): Step {
  const subject = logSubject(screen.view, row);
  if (subject === undefined) {
    return stay(flashed(state, 'only tasks, services and projects have a log', 'bad', look.now));
  }
  const opening = logScreen(subject);
  return { state: pushed(state, opening), effects: [{ kind: 'openLogs', screen: opening }] };
}

function openShell({ state, screen, look }: ListContext, row: Row): Step {
  if (state.readOnly) return stay(flashed(state, 'read only: no shell', 'bad', look.now));
  const task =
    screen.view === 'tasks'
      ? (row.item as Task)
      : screen.view === 'services'
        ? look.world.tasksOf(row.id).find(({ status }) => status.state === 'running')
        : undefined;
  if (task === undefined) {
    return stay(flashed(state, 'no task that runs is selected', 'bad', look.now));
  }
  return { state, effects: [{ kind: 'shell', taskId: task.id }] };
}

/** Screens that a digit leads to. */
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
  return view === 'home' ? { kind: 'home', top: 0 } : listScreen(view);
}
