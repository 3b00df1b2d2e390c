import { messageOf } from '../../../../manager/common/base/errors.js';
import { compileTemplate } from '../../../output/template/template.js';
import { completeLine, parseCommand } from './command-line.js';
import type { Key } from './key.js';
import { keyName } from './key.js';
import type { ListCache } from '../state/list-cache.js';
import type { HomeScreen, Mode, Pane, Screen, State, Transition } from '../state/model.js';
import {
  bodyRows,
  withFlash,
  homeScreen,
  listScreen,
  panes,
  pushScreen,
  topScreen,
  replaceTopScreen,
} from '../state/model.js';
import { digitScreen, onList } from './on-list.js';
import { onTopology } from './on-topology.js';
import { onLogs } from './on-logs.js';
import { scrolledText } from '../describe/text-lines.js';
import { selectedRecord } from './selected.js';
import type { RenderContext } from '../state/view.js';
import type { ListName } from '../views/all.js';

const stay = (state: State): Transition => ({ state, effects: [] });

/** Handles a key in any mode. Pure except for log buffers, which are cleared in place. */
export function onKey(
  state: State,
  key: Key,
  look: RenderContext,
  listings: ListCache,
): Transition {
  if (keyName(key) === 'ctrl-c') return { state, effects: [{ kind: 'quit' }] };
  const { mode } = state;
  switch (mode.kind) {
    case 'filter':
      return onFilter(state, mode, key);
    case 'command':
      return onCommand(state, mode, key, look);
    case 'confirm':
      return onConfirm(state, mode, key, look);
    case 'browse':
      return onBrowse(state, key, look, listings);
  }
}

/** Handles pasted text: inserted into an open filter or command line, ignored otherwise. */
export function onPaste(state: State, text: string, look: RenderContext): Transition {
  const { mode } = state;
  // eslint-disable-next-line no-control-regex -- pasted text may contain control characters
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f]+/gu, ' ').slice(0, 500);
  if (mode.kind === 'filter') return typedFilter(state, mode, mode.text + clean);
  if (mode.kind === 'command') {
    return stay({ ...state, mode: { ...mode, text: mode.text + clean } });
  }
  return stay(withFlash(state, 'paste ignored: press / or : first', 'bad', look.now));
}

/** The line of text after a key; undefined if the key does not edit text. */
function edited(text: string, key: Key): string | undefined {
  const name = keyName(key);
  if (name === 'backspace' || name === 'ctrl-h') return Array.from(text).slice(0, -1).join('');
  if (name === 'ctrl-u') return '';
  if (name === 'ctrl-w') return text.replace(/\S*\s*$/u, '');
  return key.name === 'text' && !key.ctrl ? text + key.text : undefined;
}

type FilterMode = Extract<Mode, { kind: 'filter' }>;

function typedFilter(state: State, mode: FilterMode, text: string): Transition {
  return stay(withFilter({ ...state, mode: { ...mode, text } }, text));
}

function withFilter(state: State, text: string): State {
  const screen = topScreen(state);
  if (screen.kind === 'list') return replaceTopScreen(state, { ...screen, filter: text });
  return screen.kind === 'logs' ? replaceTopScreen(state, { ...screen, search: text }) : state;
}

function onFilter(state: State, mode: FilterMode, key: Key): Transition {
  const browse: Mode = { kind: 'browse' };
  if (key.name === 'enter') return stay({ ...state, mode: browse });
  if (key.name === 'escape') return stay(withFilter({ ...state, mode: browse }, mode.former));
  const text = edited(mode.text, key);
  return text === undefined ? stay(state) : typedFilter(state, mode, text);
}

type CommandMode = Extract<Mode, { kind: 'command' }>;

function onCommand(state: State, mode: CommandMode, key: Key, look: RenderContext): Transition {
  const browse: Mode = { kind: 'browse' };
  switch (key.name) {
    case 'escape':
      return stay({ ...state, mode: browse });
    case 'tab':
      return stay({ ...state, mode: { ...mode, text: completeLine(mode.text, look) } });
    case 'up':
    case 'down': {
      const back = Math.max(0, mode.back + (key.name === 'up' ? 1 : -1));
      const text = back === 0 ? '' : state.history.at(-back);
      return text === undefined ? stay(state) : stay({ ...state, mode: { ...mode, back, text } });
    }
    case 'enter':
      return commanded({ ...state, mode: browse }, mode.text.trim(), look);
    default: {
      const text = edited(mode.text, key);
      return text === undefined ? stay(state) : stay({ ...state, mode: { ...mode, text } });
    }
  }
}

const maxHistory = 100;

function commanded(state: State, text: string, look: RenderContext): Transition {
  if (text === '') return stay(state);
  const history = [...state.history.filter((line) => line !== text), text].slice(-maxHistory);
  const next = { ...state, history };
  const command = parseCommand(text, look.commands);
  switch (command.kind) {
    case 'quit':
      return { state: next, effects: [{ kind: 'quit' }] };
    case 'view':
      return stay(pushScreen(next, { ...listScreen(command.view), filter: command.filter }));
    case 'screen':
      return stay(pushScreen(next, namedScreen(command.screen)));
    case 'problem':
      return stay(withFlash(next, command.message, 'bad', look.now));
    case 'run': {
      const project = projectOf(state, look);
      const scope = project === undefined ? {} : { project };
      return { state: next, effects: [{ kind: 'run', words: command.words, ...scope }] };
    }
  }
}

function namedScreen(name: 'home' | 'topology' | 'help'): State['stack'][number] {
  if (name === 'home') return homeScreen;
  if (name === 'topology') return { kind: 'topology', selected: undefined, left: 0 };
  return { kind: 'text', source: { kind: 'help' }, top: 0 };
}

/** The project for commands: that of the topmost screen with one, or the only project. */
export function projectOf(state: State, { world }: RenderContext): string | undefined {
  for (const screen of state.stack.toReversed()) {
    if (screen.kind === 'logs') return screen.project;
    if (screen.kind !== 'list') continue;
    const { project, serviceId } = screen.scope;
    if (project !== undefined) return project;
    const ofService = world.services.get(serviceId ?? '')?.spec.project;
    if (ofService !== undefined) return ofService;
    const selected =
      world.tasks.get(screen.selected ?? '')?.project ??
      world.services.get(screen.selected ?? '')?.spec.project;
    if (selected !== undefined) return selected;
  }
  const all = new Set([...world.services.values()].map(({ spec }) => spec.project));
  return all.size === 1 ? [...all][0] : undefined;
}

type ConfirmMode = Extract<Mode, { kind: 'confirm' }>;

function onConfirm(state: State, mode: ConfirmMode, key: Key, look: RenderContext): Transition {
  const browse: State = { ...state, mode: { kind: 'browse' } };
  const { action, typed } = mode;
  if (key.name === 'escape') return stay(withFlash(browse, 'cancelled', 'good', look.now));
  const confirmed: Transition = { state: browse, effects: [{ kind: 'act', action }] };
  if (typeof action.confirm !== 'object') {
    const name = keyName(key);
    if (name === 'y' || name === 'Y') return confirmed;
    return stay(withFlash(browse, 'cancelled', 'good', look.now));
  }
  if (key.name === 'enter') {
    if (typed === action.confirm.word) return confirmed;
    return stay(withFlash(browse, 'cancelled: the word does not match', 'bad', look.now));
  }
  const text = edited(typed, key);
  return text === undefined ? stay(state) : stay({ ...state, mode: { ...mode, typed: text } });
}

function onBrowse(state: State, key: Key, look: RenderContext, listings: ListCache): Transition {
  const name = keyName(key);
  const screen = topScreen(state);
  const hotkey = look.preferences?.hotkeys[name];
  if (hotkey !== undefined) return onHotkey(state, hotkey, look, listings);
  const common = onCommonKey(state, name, look);
  if (common !== undefined) return common;
  if (screen.kind === 'logs') {
    const step = onLogs(state, screen, key, look.now);
    if (step !== undefined) return step;
    return stay(state);
  }
  const next = digitScreen(name);
  if (next !== undefined) return stay(isSame(screen, next) ? state : pushScreen(state, next));
  switch (screen.kind) {
    case 'list':
      return onList({ state, screen, look, listing: listings.of(screen, look) }, key);
    case 'topology':
      return onTopology(state, screen, name, look);
    case 'text':
      return stay(replaceTopScreen(state, scrolledText(screen, name, bodyRows(state.size), look)));
    case 'home':
      return onHome(state, screen, name);
  }
}

/** Runs a hotkey's command line, filled from the selected row. */
function onHotkey(
  state: State,
  line: string,
  look: RenderContext,
  listings: ListCache,
): Transition {
  try {
    return commanded(state, compileTemplate(line)(selectedRecord(state, look, listings)), look);
  } catch (error) {
    return stay(withFlash(state, `hotkey ${line}: ${messageOf(error)}`, 'bad', look.now));
  }
}

/** True if both screens show the same place, so that it is not pushed twice. */
function isSame(a: Screen, b: Screen): boolean {
  if (a.kind !== 'list' || b.kind !== 'list') return a.kind === b.kind;
  return a.view === b.view && JSON.stringify(a.scope) === JSON.stringify(b.scope);
}

function onCommonKey(state: State, name: string, look: RenderContext): Transition | undefined {
  const screen = topScreen(state);
  switch (name) {
    case ':':
      return {
        state: { ...state, mode: { kind: 'command', text: '', back: 0 } },
        effects: [{ kind: 'learnCommands' }],
      };
    case '/': {
      if (screen.kind !== 'list' && screen.kind !== 'logs') return stay(state);
      const former = screen.kind === 'list' ? screen.filter : screen.search;
      return stay({ ...state, mode: { kind: 'filter', text: former, former } });
    }
    case '?':
      return stay(pushScreen(state, { kind: 'text', source: { kind: 'help' }, top: 0 }));
    case 'escape':
      return back(state, look);
    case 'q':
    case 'left':
      return screen.kind === 'topology' && name === 'left' ? undefined : back(state, look);
    case 'ctrl-l':
    case 'ctrl-r':
      return { state, effects: [{ kind: 'repaint' }] };
    default:
      return onGlobalKey(state, name, look);
  }
}

/** Keys that change the dashboard as a whole. */
function onGlobalKey(state: State, name: string, look: RenderContext): Transition | undefined {
  switch (name) {
    case 'P':
      return stay({ ...state, paused: !state.paused });
    case '[':
    case ']':
      return stay(nextProject(state, name === ']' ? 1 : -1, look));
    case 'M': {
      const text = state.mouse ? 'mouse off: text can be selected' : 'mouse on';
      return {
        state: withFlash({ ...state, mouse: !state.mouse }, text, 'good', look.now),
        effects: [{ kind: 'mouse', on: !state.mouse }],
      };
    }
    default:
      return undefined;
  }
}

/** Cycles through all projects by name, with "all" between the last and the first. */
function nextProject(state: State, step: 1 | -1, { world, now }: RenderContext): State {
  const names = [...new Set([...world.services.values()].map(({ spec }) => spec.project))].sort();
  const all = [undefined, ...names];
  const at = Math.max(0, all.indexOf(state.project));
  const project = all[(at + step + all.length) % all.length];
  return withFlash({ ...state, project }, `project: ${project ?? 'all'}`, 'good', now);
}

const paneViews: Readonly<Record<Pane, ListName>> = {
  machines: 'machines',
  services: 'services',
  problems: 'tasks',
  events: 'events',
};

function onHome(state: State, screen: HomeScreen, name: string): Transition {
  const at = panes.indexOf(screen.pane);
  if (name === 'tab' || name === 'down' || name === 'j') {
    return stay(
      replaceTopScreen(state, { ...screen, pane: panes[(at + 1) % panes.length] ?? 'machines' }),
    );
  }
  if (name === 'up' || name === 'k') {
    const pane = panes[(at + panes.length - 1) % panes.length] ?? 'machines';
    return stay(replaceTopScreen(state, { ...screen, pane }));
  }
  if (name !== 'enter') return stay(state);
  const list = listScreen(paneViews[screen.pane]);
  return stay(pushScreen(state, { ...list, problems: screen.pane === 'problems' }));
}

/** Clears the filter, marks or search first, then leaves the screen; the last screen stays. */
function back(state: State, look: RenderContext): Transition {
  const screen = topScreen(state);
  if (screen.kind === 'list' && (screen.filter !== '' || screen.marks.size > 0)) {
    return stay(replaceTopScreen(state, { ...screen, filter: '', marks: new Set() }));
  }
  if (screen.kind === 'logs' && screen.search !== '') {
    return stay(replaceTopScreen(state, { ...screen, search: '', only: false }));
  }
  if (state.stack.length <= 1) {
    return stay(withFlash(state, ':q or ctrl-c quits', 'good', look.now));
  }
  const next = { ...state, stack: state.stack.slice(0, -1) };
  if (screen.kind !== 'logs') return stay(next);
  return { state: next, effects: [{ kind: 'closeLogs', buffer: screen.buffer }] };
}
