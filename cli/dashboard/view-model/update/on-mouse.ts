import { namedKey } from './key.js';
import { placeColumns } from '../paint/columns.js';
import type { Listing, ListCache } from '../state/list-cache.js';
import { selectAt, windowStart } from '../state/list-cache.js';
import type { ListScreen, State, Transition } from '../state/model.js';
import { bodyRows, topScreen, replaceTopScreen } from '../state/model.js';
import { sortedBy } from './on-list.js';
import { columnsOf, sortOf } from '../state/preferences.js';
import { onKey } from './update.js';
import type { RenderContext } from '../state/view.js';
import { listViews } from '../views/all.js';

/** A mouse event; column and row are zero-based. */
export interface MouseEvent {
  readonly what: 'click' | 'wheelUp' | 'wheelDown';
  readonly column: number;
  readonly row: number;
}

/** Lines above the body: header and breadcrumb. A list adds a line of titles. */
const bodyTop = 2;
const wheelRows = 3;

/**
 * Handles the mouse: the wheel moves like arrow keys, a click selects, a click on the selection
 * opens.
 */
export function onMouse(
  state: State,
  event: MouseEvent,
  look: RenderContext,
  listings: ListCache,
): Transition {
  if (state.mode.kind !== 'browse') return { state, effects: [] };
  if (event.what !== 'click') {
    return keys(state, event.what === 'wheelUp' ? 'up' : 'down', look, listings);
  }
  const screen = topScreen(state);
  if (screen.kind !== 'list') return { state, effects: [] };
  const listing = listings.of(screen, look);
  const row = event.row - bodyTop - 1;
  if (row === -1) return onTitles(state, screen, event.column, look);
  if (row < 0) return { state, effects: [] };
  return onRow(state, { screen, listing, row }, look, listings);
}

function keys(
  state: State,
  name: 'up' | 'down',
  look: RenderContext,
  listings: ListCache,
): Transition {
  let step: Transition = { state, effects: [] };
  for (let at = 0; at < wheelRows; at += 1) {
    const next = onKey(step.state, namedKey(name), look, listings);
    step = { state: next.state, effects: [...step.effects, ...next.effects] };
  }
  return step;
}

interface Clicked {
  readonly screen: ListScreen;
  readonly listing: Listing;
  /** Relative to the first visible row. */
  readonly row: number;
}

function onRow(
  state: State,
  { screen, listing, row }: Clicked,
  look: RenderContext,
  listings: ListCache,
): Transition {
  const height = bodyRows(state.size) - 1;
  const at = windowStart(listing.cursor, listing.rows.length, height) + row;
  if (row >= height || listing.rows[at] === undefined) return { state, effects: [] };
  if (at === listing.cursor && screen.selected !== undefined) {
    return onKey(state, namedKey('enter'), look, listings);
  }
  return { state: replaceTopScreen(state, selectAt(screen, listing, at)), effects: [] };
}

/** A click on a title sorts by that column; another click reverses the order. */
function onTitles(
  state: State,
  screen: ListScreen,
  column: number,
  look: RenderContext,
): Transition {
  const columns = columnsOf(listViews[screen.view], look);
  let left = 2;
  for (const { key, width } of placeColumns(columns, state.size.columns - 3, screen.wide)) {
    if (column >= left && column < left + width) {
      const sort = sortOf(screen, look);
      const next = sort.column === key ? { ...sort, descending: !sort.descending } : sortedBy(key);
      return { state: replaceTopScreen(state, { ...screen, sort: next }), effects: [] };
    }
    left += width + 1;
  }
  return { state, effects: [] };
}
