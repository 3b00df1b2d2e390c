import type { ClusterAction } from '../update/action.js';
import type { LogBuffer } from './logs.js';
import type { ListName } from '../views/all.js';
import type { ListScope, Sort } from './view.js';

export interface ListScreen {
  readonly kind: 'list';
  readonly view: ListName;
  readonly scope: ListScope;
  readonly filter: string;
  /** Chosen by the user on this screen; undefined for the preference or the view's default. */
  readonly sort: Sort | undefined;
  /** Id of the object under the cursor, which follows the object when rows move. */
  readonly selected: string | undefined;
  /** Last row of that object: the cursor's position once the object is gone. */
  readonly at: number;
  readonly marks: ReadonlySet<string>;
  /** Shows only rows with problems. */
  readonly problems: boolean;
  readonly wide: boolean;
}

export type TextSource =
  | { readonly kind: 'describe'; readonly view: ListName; readonly id: string }
  | { readonly kind: 'why'; readonly view: ListName; readonly id: string }
  /** The stored object as JSON. */
  | { readonly kind: 'raw'; readonly view: ListName; readonly id: string }
  | { readonly kind: 'help' }
  | { readonly kind: 'output'; readonly title: string; readonly lines: readonly string[] };

export interface TextScreen {
  readonly kind: 'text';
  readonly source: TextSource;
  readonly top: number;
}

export interface LogScreen {
  readonly kind: 'logs';
  readonly title: string;
  readonly project: string;
  readonly services: readonly string[];
  readonly index: number | undefined;
  /** Only lines of this container. */
  readonly container: string | undefined;
  readonly buffer: LogBuffer;
  /** Index of the bottom line; undefined to follow. */
  readonly bottom: number | undefined;
  readonly wrap: boolean;
  readonly stamps: boolean;
  /** Search text; empty for none. */
  readonly search: string;
  /** Shows only lines that match the search. */
  readonly only: boolean;
  /** The task whose log was opened, to tell it from previous tasks of its slot. */
  readonly taskId: string | undefined;
  /** Shows only lines of previous tasks of the slot. */
  readonly previous: boolean;
  /** Time range in minutes; undefined for the tail. */
  readonly sinceMinutes: number | undefined;
}

export interface TopologyScreen {
  readonly kind: 'topology';
  readonly selected: string | undefined;
  readonly left: number;
}

/** Sections of the overview that can be opened. */
export const panes = ['machines', 'services', 'problems', 'events'] as const;
export type Pane = (typeof panes)[number];

export interface HomeScreen {
  readonly kind: 'home';
  readonly top: number;
  readonly pane: Pane;
}

export type Screen = ListScreen | TextScreen | LogScreen | TopologyScreen | HomeScreen;

export type Mode =
  | { readonly kind: 'browse' }
  | { readonly kind: 'filter'; readonly text: string; readonly former: string }
  | { readonly kind: 'command'; readonly text: string; readonly back: number }
  | { readonly kind: 'confirm'; readonly action: ClusterAction; readonly typed: string };

export interface Flash {
  readonly text: string;
  readonly tone: 'good' | 'bad';
  readonly until: number;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface State {
  /** Screens, the visible one last; never empty. */
  readonly stack: readonly Screen[];
  readonly mode: Mode;
  readonly flash: Flash | undefined;
  readonly size: Size;
  readonly history: readonly string[];
  readonly readOnly: boolean;
  readonly paused: boolean;
  readonly mouse: boolean;
  /** Restricts all lists to this project. */
  readonly project: string | undefined;
}

/** A side effect that the model requests, see effects.ts. */
export type Effect =
  | { readonly kind: 'quit' }
  | { readonly kind: 'act'; readonly action: ClusterAction }
  | { readonly kind: 'run'; readonly words: readonly string[]; readonly project?: string }
  | { readonly kind: 'shell'; readonly taskId: string }
  | { readonly kind: 'openLogs'; readonly screen: LogScreen }
  | { readonly kind: 'closeLogs'; readonly buffer: LogBuffer }
  | { readonly kind: 'save'; readonly name: string; readonly lines: readonly string[] }
  | { readonly kind: 'copy'; readonly text: string }
  | { readonly kind: 'mouse'; readonly on: boolean }
  /** Loads flags and subcommands for completion. */
  | { readonly kind: 'learnCommands' }
  | { readonly kind: 'repaint' };

export interface Transition {
  readonly state: State;
  readonly effects: readonly Effect[];
}

export function listScreen(view: ListName, scope: ListScope = {}): ListScreen {
  return {
    kind: 'list',
    view,
    scope,
    filter: '',
    sort: undefined,
    selected: undefined,
    at: 0,
    marks: new Set(),
    problems: false,
    wide: false,
  };
}

export const homeScreen: HomeScreen = { kind: 'home', top: 0, pane: 'machines' };

export function initialState(
  size: Size,
  options: Partial<Pick<State, 'readOnly' | 'mouse'>> = {},
): State {
  return {
    stack: [homeScreen],
    mode: { kind: 'browse' },
    flash: undefined,
    size,
    history: [],
    readOnly: options.readOnly ?? false,
    paused: false,
    mouse: options.mouse ?? false,
    project: undefined,
  };
}

export function topScreen(state: State): Screen {
  return state.stack.at(-1) ?? homeScreen;
}

export function replaceTopScreen(state: State, screen: Screen): State {
  return { ...state, stack: [...state.stack.slice(0, -1), screen] };
}

const maxDepth = 30;

export function pushScreen(state: State, screen: Screen): State {
  return { ...state, stack: [...state.stack, screen].slice(-maxDepth) };
}

export const flashMs = 5_000;

export function withFlash(state: State, text: string, tone: Flash['tone'], now: number): State {
  return { ...state, flash: { text, tone, until: now + flashMs } };
}

/** Rows for the screen's body: all except header, breadcrumb, flash and hints. */
export function bodyRows(size: Size): number {
  return Math.max(1, size.rows - 1 - 4);
}

export const tooSmall = (size: Size): boolean => size.columns < 60 || size.rows < 15;
