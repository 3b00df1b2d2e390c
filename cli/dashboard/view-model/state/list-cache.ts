import { parseRowFilter } from './filter.js';
import { sortOf } from './preferences.js';
import type { ListScreen } from './model.js';
import type { Column, RenderContext, Row, View } from './view.js';
import { listViews } from '../views/all.js';

/** The filtered and sorted rows of a list. */
export interface Listing {
  readonly view: View;
  readonly rows: readonly Row[];
  /** Number of rows before filtering. */
  readonly total: number;
  readonly cursor: number;
  readonly problem: string | undefined;
}

interface Cached<T> {
  readonly key: string;
  readonly value: T;
}

const collator = new Intl.Collator('en', { numeric: true });

/** Columns whose sort order changes with every statistics message. */
const usageColumns = new Set(['cpu', 'trend', 'mem', 'memtrend', 'net', 'io', 'disk', 'load']);

/** Caches rows between frames: builds, sorts and filters again only after a change. */
export class ListCache {
  #rows: Cached<readonly Row[]> | undefined;
  #sorted: Cached<readonly Row[]> | undefined;
  #shown: (Cached<readonly Row[]> & { readonly problem: string | undefined }) | undefined;

  of(screen: ListScreen, look: RenderContext): Listing {
    const view = listViews[screen.view];
    const rows = this.#rowsOf(view, screen, look);
    const sorted = this.#sortedOf(view, screen, look, rows);
    const { value, problem } = this.#shownOf(screen, sorted);
    return {
      view,
      rows: value,
      total: rows.value.length,
      cursor: cursorOf(screen, value),
      problem,
    };
  }

  #rowsOf(view: View, { scope }: ListScreen, look: RenderContext): Cached<readonly Row[]> {
    const within = look.project === undefined ? scope : { project: look.project, ...scope };
    const key = `${view.name}|${JSON.stringify(within)}|${look.world.version}`;
    if (this.#rows?.key !== key) this.#rows = { key, value: view.rows(look, within) };
    return this.#rows;
  }

  #sortedOf(
    view: View,
    screen: ListScreen,
    look: RenderContext,
    rows: Cached<readonly Row[]>,
  ): Cached<readonly Row[]> {
    const sort = sortOf(screen, look);
    const usage = usageColumns.has(sort.column) ? look.world.usageVersion : 0;
    const key = `${rows.key}|${sort.column}|${String(sort.descending)}|${usage}`;
    if (this.#sorted?.key !== key) {
      const column = view.columns.find((item) => item.key === sort.column);
      this.#sorted = { key, value: sortRows(rows.value, column, sort.descending, look) };
    }
    return this.#sorted;
  }

  #shownOf(
    { filter, problems }: ListScreen,
    sorted: Cached<readonly Row[]>,
  ): { readonly value: readonly Row[]; readonly problem: string | undefined } {
    const key = `${sorted.key}|${filter}|${String(problems)}`;
    if (this.#shown?.key !== key) {
      const { matches, problem } = parseRowFilter(filter);
      const value =
        filter === '' && !problems
          ? sorted.value
          : sorted.value.filter((row) => (!problems || row.hasProblem) && matches(row));
      this.#shown = { key, value, problem };
    }
    return this.#shown;
  }
}

/** Sorts by the column; equal keys are ordered by object id, so that the order is stable. */
function sortRows(
  rows: readonly Row[],
  column: Column<unknown> | undefined,
  descending: boolean,
  look: RenderContext,
): readonly Row[] {
  if (column === undefined) return rows;
  const order = column.order ?? column.text;
  const keyed = rows.map((row) => ({ row, key: order(row.item, look) }));
  const sign = descending ? -1 : 1;
  keyed.sort((a, b) => sign * compareKeys(a.key, b.key) || (a.row.id < b.row.id ? -1 : 1));
  return keyed.map(({ row }) => row);
}

function compareKeys(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return collator.compare(String(a), String(b));
}

/** Index of the selected object, or of the row at its last position if it is gone. */
function cursorOf({ selected, at }: ListScreen, rows: readonly Row[]): number {
  const last = Math.max(0, rows.length - 1);
  if (rows[at]?.id === selected) return at;
  const found = selected === undefined ? -1 : rows.findIndex(({ id }) => id === selected);
  return found >= 0 ? found : Math.min(at, last);
}

/** Moves the cursor to a row; clamps the index. */
export function selectAt(screen: ListScreen, listing: Listing, at: number): ListScreen {
  const index = Math.min(Math.max(0, at), Math.max(0, listing.rows.length - 1));
  return { ...screen, selected: listing.rows[index]?.id, at: index };
}

/** Index of the first of `height` visible rows, with the cursor in the middle where possible. */
export function windowStart(cursor: number, count: number, height: number): number {
  if (count <= height) return 0;
  const half = Math.floor(height / 2);
  return Math.min(Math.max(0, cursor - half), count - height);
}

/** The rows an action applies to: the visible marked rows, or the row under the cursor. */
export function actionTargets(screen: ListScreen, listing: Listing): readonly Row[] {
  const marked = listing.rows.filter(({ id }) => screen.marks.has(id));
  if (marked.length > 0) return marked;
  const row = listing.rows[listing.cursor];
  return row === undefined ? [] : [row];
}
