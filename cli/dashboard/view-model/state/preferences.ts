import { AppError } from '../../../../manager/common/base/errors.js';
import type { ListScreen } from './model.js';
import type { Column, Look, Preferences, Sort, View } from './view.js';
import type { ListName } from '../views/all.js';
import { listViews } from '../views/all.js';

export const noPreferences: Preferences = { columns: {}, sort: {}, hotkeys: {} };

type Fields = Readonly<Record<string, unknown>>;

/** Checks a file's content; throws `invalid` with the place that is wrong. */
export function parsePreferences(value: unknown): Preferences {
  const fields = record('the file', value ?? {});
  const unknown = Object.keys(fields).find((key) => !known.has(key));
  if (unknown !== undefined) throw wrong(unknown, `unknown; use ${[...known].join(', ')}`);
  return {
    ...themeOf(fields),
    ...flagOf(fields, 'ascii'),
    ...flagOf(fields, 'mouse'),
    ...flagOf(fields, 'readOnly'),
    columns: ofViews('columns', fields.columns, columnList),
    sort: ofViews('sort', fields.sort, sortText),
    hotkeys: Object.fromEntries(
      Object.entries(record('hotkeys', fields.hotkeys ?? {})).map(([key, line]) => {
        if (typeof line !== 'string' || line === '') throw wrong(`hotkeys.${key}`, 'not a command');
        return [key, line.replace(/^:/u, '')];
      }),
    ),
  };
}

const known = new Set(['theme', 'ascii', 'mouse', 'readOnly', 'columns', 'sort', 'hotkeys']);

function wrong(where: string, what: string): AppError {
  return new AppError('invalid', `${where} is ${what}`);
}

function record(where: string, value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw wrong(where, 'not a list of names with values');
}

function flagOf(fields: Fields, key: 'ascii' | 'mouse' | 'readOnly'): Partial<Preferences> {
  const value = fields[key];
  if (value === undefined) return {};
  if (typeof value !== 'boolean') throw wrong(key, 'neither true nor false');
  return { [key]: value };
}

function themeOf({ theme }: Fields): Partial<Preferences> {
  if (theme === undefined) return {};
  if (typeof theme !== 'string') throw wrong('theme', 'not a name');
  return { theme };
}

function ofViews<T>(
  where: string,
  value: unknown,
  read: (where: string, view: View, value: unknown) => T,
): Readonly<Partial<Record<ListName, T>>> {
  const entries = Object.entries(record(where, value ?? {})).map(([name, wanted]) => {
    const view = Object.values(listViews).find((one) => one.name === name);
    if (view === undefined) {
      throw wrong(`${where}.${name}`, `no view; use ${Object.keys(listViews).join(', ')}`);
    }
    return [name, read(`${where}.${name}`, view, wanted)] as const;
  });
  return Object.fromEntries(entries);
}

function columnKey(where: string, { columns }: View, key: unknown): string {
  const found = columns.find((column) => column.key === key);
  if (found !== undefined) return found.key;
  throw wrong(`${where} ${String(key)}`, `no column; use ${columns.map((c) => c.key).join(', ')}`);
}

function columnList(where: string, view: View, value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) throw wrong(where, 'not a list of columns');
  return value.map((key: unknown) => columnKey(where, view, key));
}

/** `cpu`, or `-cpu` for the most first. */
function sortText(where: string, view: View, value: unknown): Sort {
  if (typeof value !== 'string') throw wrong(where, 'not a column');
  const descending = value.startsWith('-');
  return { column: columnKey(where, view, value.replace(/^-/u, '')), descending };
}

/** The columns of a view as they are wanted. */
export function columnsOf(view: View, { preferences }: Look): readonly Column<unknown>[] {
  const keys = (preferences ?? noPreferences).columns[view.name];
  if (keys === undefined) return view.columns;
  return keys.flatMap((key) => view.columns.find((column) => column.key === key) ?? []);
}

/** What the list is sorted by: as chosen on it, else as preferred, else as it comes. */
export function sortOf({ sort, view }: ListScreen, { preferences }: Look): Sort {
  return sort ?? (preferences ?? noPreferences).sort[view] ?? listViews[view].sort;
}
