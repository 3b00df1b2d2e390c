import type { CliCommand } from '../state/view.js';
import { listViews } from '../views/all.js';

export interface KeyHelp {
  readonly keys: string;
  readonly does: string;
}

export const generalKeys: readonly KeyHelp[] = [
  { keys: '?', does: 'help' },
  { keys: ':', does: 'command' },
  { keys: '/', does: 'filter' },
  { keys: 'esc', does: 'back' },
  { keys: 'ctrl-c', does: 'quit' },
];

const moving: readonly KeyHelp[] = [
  { keys: 'j k ↑ ↓', does: 'move' },
  { keys: 'g G home end', does: 'first, last' },
  { keys: 'PgUp PgDn ctrl-b ctrl-f', does: 'page up, page down' },
  { keys: 'enter', does: 'open: project, service, task, log' },
  { keys: 'esc q', does: 'clear the filter, or go back' },
  {
    keys: '1-9',
    does: 'overview, machines, projects, services, tasks, networks, volumes, images, events',
  },
  { keys: '[ ]', does: 'previous or next project, or all, in every list' },
  { keys: 'tab', does: 'overview: next section; enter opens it' },
  { keys: 'M', does: 'mouse on or off: click selects, header sorts, wheel scrolls' },
  { keys: '0 t', does: 'topology: machines as columns, tasks as cells' },
];

export const listKeys: readonly KeyHelp[] = [
  { keys: 'd', does: 'describe' },
  { keys: 'w', does: 'why: placement, last exit, restarts' },
  { keys: 'l', does: 'log, also of a whole service on all machines' },
  { keys: 's', does: 'shell in the task, on any machine' },
  { keys: '+ -', does: 'one replica more or less' },
  { keys: 'r', does: 'restart in place' },
  {
    keys: 'R B',
    does: 'roll: replace containers, a few at a time; roll back to the previous spec',
  },
  { keys: 'S U', does: 'stop, start' },
  { keys: 'K', does: 'kill' },
  { keys: 'D A', does: 'drain or activate a machine' },
  { keys: 'ctrl-d', does: 'remove; shows the effect and asks for confirmation' },
  { keys: 'space ctrl-\\', does: 'mark, clear marks: actions apply to the marked rows' },
  { keys: '< > i', does: 'sort by the previous or next column, reverse' },
  { keys: '!', does: 'only rows with problems' },
  { keys: 'a', does: 'tasks: include replaced ones' },
  { keys: 'ctrl-w', does: 'all columns' },
  { keys: 'c o', does: 'copy the name, the published address' },
  { keys: 'y', does: 'the object as JSON' },
  { keys: 'h', does: 'deploy history of a service or project' },
  { keys: 'ctrl-s', does: 'save the list to a file' },
  { keys: 'P', does: 'pause' },
];

export const logKeys: readonly KeyHelp[] = [
  { keys: '/ n N', does: 'search, next, previous' },
  { keys: 'f', does: 'only matching lines' },
  { keys: '0 1-6', does: 'tail, or last 1 5 15 30 60 360 minutes' },
  { keys: 'w t', does: 'wrap, timestamps' },
  { keys: 'G s', does: 'follow' },
  { keys: 'p', does: 'only lines of previous tasks of the slot' },
  { keys: 'm', does: 'insert a mark' },
  { keys: 'ctrl-s', does: 'save to a file' },
  { keys: 'C', does: 'clear' },
];

const filters = [
  'text or regex   rows that match',
  '!regex          rows that do not match',
  '-l key=value    rows with these labels',
  '-f letters      rows that have the letters in this order',
];

function keyLines(keys: readonly KeyHelp[]): readonly string[] {
  return keys.map(({ keys: names, does }) => `  ${names.padEnd(24)} ${does}`);
}

export function helpLines(commands: readonly CliCommand[]): readonly string[] {
  const views = Object.values(listViews).map(
    ({ title, aliases }) => `  ${`:${aliases.join(' :')}`.padEnd(44)} ${title}`,
  );
  return [
    'Everywhere',
    ...keyLines(generalKeys),
    ...keyLines(moving),
    '',
    'Lists',
    ...keyLines(listKeys),
    '',
    'Logs',
    ...keyLines(logKeys),
    '',
    'Filters (after /)',
    ...filters.map((line) => `  ${line}`),
    '',
    'Views (after :)',
    ...views,
    '',
    'Commands (after :)',
    ...commands.map(({ name, summary }) => `  :${name.padEnd(14)} ${summary}`),
  ];
}
