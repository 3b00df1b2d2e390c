import type { Key } from './key.js';
import { keyName } from './key.js';
import { findLine, LogBuffer, filterLogLines, formatLogLine } from '../state/logs.js';
import type { LogScreen, State, Transition } from '../state/model.js';
import { bodyRows, withFlash, replaceTopScreen } from '../state/model.js';

const ranges: Readonly<Record<string, number | undefined>> = {
  '1': 1,
  '2': 5,
  '3': 15,
  '4': 30,
  '5': 60,
  '6': 360,
};

/** Handles a key on a log; undefined if the key has no effect. */
export function onLogs(
  state: State,
  screen: LogScreen,
  key: Key,
  now: number,
): Transition | undefined {
  const name = keyName(key);
  const set = (change: Partial<LogScreen>): Transition => ({
    state: replaceTopScreen(state, { ...screen, ...change }),
    effects: [],
  });
  if (name === '0' || ranges[name] !== undefined) return reopened(state, screen, ranges[name]);
  switch (name) {
    case 'w':
      return set({ wrap: !screen.wrap });
    case 't':
      return set({ stamps: !screen.stamps });
    case 'f':
      return set({ only: !screen.only, bottom: undefined });
    case 's':
    case 'G':
    case 'end':
      return set({ bottom: undefined });
    case 'n':
    case 'N':
      return searched(state, screen, name === 'n' ? 1 : -1, now);
    case 'C':
      screen.buffer.clear();
      return set({ bottom: undefined });
    case 'ctrl-s':
      return {
        state,
        effects: [
          {
            kind: 'save',
            name: screen.title,
            lines: filterLogLines(screen.buffer, screen).map(formatLogLine),
          },
        ],
      };
    default:
      return marked(name, state, screen, now) ?? scrolled(name, screen, bodyRows(state.size), set);
  }
}

/** Inserts a mark, or toggles lines of previous tasks. */
function marked(
  name: string,
  state: State,
  screen: LogScreen,
  now: number,
): Transition | undefined {
  const stay = (next: State): Transition => ({ state: next, effects: [] });
  if (name === 'm') {
    screen.buffer.mark(`---- ${new Date(now).toISOString().slice(11, 19)} ----`);
    return stay({ ...state });
  }
  if (name !== 'p') return undefined;
  if (screen.taskId === undefined) {
    return stay(withFlash(state, 'only available in the log of a single task', 'bad', now));
  }
  return stay(
    replaceTopScreen(state, { ...screen, previous: !screen.previous, bottom: undefined }),
  );
}

function scrolled(
  name: string,
  screen: LogScreen,
  page: number,
  set: (change: Partial<LogScreen>) => Transition,
): Transition | undefined {
  const last = filterLogLines(screen.buffer, screen).length - 1;
  const at = screen.bottom ?? last;
  // Scrolling past the last line follows the log again.
  const to = (line: number): Transition =>
    set({ bottom: line >= last ? undefined : Math.max(Math.min(page - 1, last), line) });
  switch (name) {
    case 'up':
    case 'k':
      return to(at - 1);
    case 'down':
    case 'j':
      return to(at + 1);
    case 'pageUp':
    case 'ctrl-b':
      return to(at - page);
    case 'pageDown':
    case 'ctrl-f':
      return to(at + page);
    case 'home':
    case 'g':
      return to(0);
    default:
      return undefined;
  }
}

/** Moves the next matching line to the bottom of the page. */
function searched(state: State, screen: LogScreen, step: 1 | -1, now: number): Transition {
  const lines = filterLogLines(screen.buffer, screen);
  const at = screen.bottom ?? lines.length;
  const found = findLine(lines, screen.search, at, step);
  if (found === undefined) {
    const text = screen.search === '' ? 'no search text: press / first' : 'no more matches';
    return { state: withFlash(state, text, 'bad', now), effects: [] };
  }
  return { state: replaceTopScreen(state, { ...screen, bottom: found }), effects: [] };
}

/** Reopens the log with another time range. */
function reopened(state: State, screen: LogScreen, sinceMinutes: number | undefined): Transition {
  const opening = { ...screen, sinceMinutes, buffer: new LogBuffer(), bottom: undefined };
  return {
    state: replaceTopScreen(state, opening),
    effects: [
      { kind: 'closeLogs', buffer: screen.buffer },
      { kind: 'openLogs', screen: opening },
    ],
  };
}
