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
  { keys: 'PgUp PgDn ctrl-b ctrl-f', does: 'a page' },
  { keys: 'enter', does: 'go in: project, service, task, log' },
  { keys: 'esc q', does: 'clear the filter, else go back' },
  {
    keys: '1-9',
    does: 'overview, machines, projects, services, tasks, networks, volumes, images, events',
  },
  { keys: '[ ]', does: 'one project after the other, or all, in every list' },
  { keys: 'tab', does: 'overview: the next part; enter opens it' },
  { keys: 'M', does: 'mouse on or off: click selects, header sorts, wheel scrolls' },
  { keys: '0 t', does: 'topology: machines as columns, tasks as cells' },
];

export const listKeys: readonly KeyHelp[] = [
  { keys: 'd', does: 'describe' },
  { keys: 'w', does: 'why: placement, last end, restarts' },
  { keys: 'l', does: 'log, also of a whole service over all machines' },
  { keys: 's', does: 'shell in the task, on whichever machine' },
  { keys: '+ -', does: 'one replica more or less' },
  { keys: 'r', does: 'restart in place' },
  { keys: 'R B', does: 'roll: new containers, a few at a time; back to the spec before' },
  { keys: 'S U', does: 'stop, start' },
  { keys: 'K', does: 'kill' },
  { keys: 'D A', does: 'drain or activate a machine' },
  { keys: 'ctrl-d', does: 'remove; says what goes and asks' },
  { keys: 'space ctrl-\\', does: 'mark, clear marks: actions apply to the marked' },
  { keys: '< > i', does: 'sort by the column before or after, invert' },
  { keys: '!', does: 'only what has something wrong' },
  { keys: 'a', does: 'tasks: also those that were replaced' },
  { keys: 'ctrl-w', does: 'all columns' },
  { keys: 'c o', does: 'copy the name, the published address' },
  { keys: 'y', does: 'the object as JSON' },
  { keys: 'h', does: 'history of deploys of a service or project' },
  { keys: 'ctrl-s', does: 'save the list to a file' },
  { keys: 'P', does: 'pause' },
];

export const logKeys: readonly KeyHelp[] = [
  { keys: '/ n N', does: 'search, next, previous' },
  { keys: 'f', does: 'only lines that are found' },
  { keys: '0 1-6', does: 'tail, or last 1 5 15 30 60 360 minutes' },
  { keys: 'w t', does: 'wrap, time stamps' },
  { keys: 'G s', does: 'follow' },
  { keys: 'p', does: 'only what former tasks of the slot wrote' },
  { keys: 'm', does: 'mark the place' },
  { keys: 'ctrl-s', does: 'save to a file' },
  { keys: 'C', does: 'clear' },
];

const filters = [
  'text or regex   rows that it is found in',
  '!regex          rows that it is not found in',
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
