import { AppError } from '../../../../manager/common/base/errors.js';
import type { ListScreen } from './model.js';
import type { Column, RenderContext, Preferences, Sort, View } from './view.js';
import type { ListName } from '../views/all.js';
import { listViews } from '../views/all.js';

export const noPreferences: Preferences = { columns: {}, sort: {}, hotkeys: {} };

type Fields = Readonly<Record<string, unknown>>;

/** Validates the content of a preferences file; throws `invalid` with the key at fault. */
export function parsePreferences(value: unknown): Preferences {
  const fields = record('the file', value ?? {});
  const unknown = Object.keys(fields).find((key) => !known.has(key));
  if (unknown !== undefined) throw invalid(unknown, `unknown key; use ${[...known].join(', ')}`);
  return {
    ...themeOf(fields),
    ...flagOf(fields, 'ascii'),
    ...flagOf(fields, 'mouse'),
    ...flagOf(fields, 'readOnly'),
    columns: ofViews('columns', fields.columns, columnList),
    sort: ofViews('sort', fields.sort, sortText),
    hotkeys: Object.fromEntries(
      Object.entries(record('hotkeys', fields.hotkeys ?? {})).map(([key, line]) => {
        if (typeof line !== 'string' || line === '') {
          throw invalid(`hotkeys.${key}`, 'must be a command');
        }
        return [key, line.replace(/^:/u, '')];
      }),
    ),
  };
}

const known = new Set(['theme', 'ascii', 'mouse', 'readOnly', 'columns', 'sort', 'hotkeys']);

function invalid(where: string, problem: string): AppError {
  return new AppError('invalid', `${where}: ${problem}`);
}

function record(where: string, value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(where, 'must be a mapping');
}

function flagOf(fields: Fields, key: 'ascii' | 'mouse' | 'readOnly'): Partial<Preferences> {
  const value = fields[key];
  if (value === undefined) return {};
  if (typeof value !== 'boolean') throw invalid(key, 'must be true or false');
  return { [key]: value };
}

function themeOf({ theme }: Fields): Partial<Preferences> {
  if (theme === undefined) return {};
  if (typeof theme !== 'string') throw invalid('theme', 'must be a string');
  return { theme };
}

function ofViews<T>(
  where: string,
  value: unknown,
  read: (where: string, view: View, value: unknown) => T,
): Readonly<Partial<Record<ListName, T>>> {
  const entries = Object.entries(record(where, value ?? {})).map(([name, wanted]) => {
    const view = Object.values(listViews).find((candidate) => candidate.name === name);
    if (view === undefined) {
      throw invalid(`${where}.${name}`, `unknown view; use ${Object.keys(listViews).join(', ')}`);
    }
    return [name, read(`${where}.${name}`, view, wanted)] as const;
  });
  return Object.fromEntries(entries);
}

function columnKey(where: string, { columns }: View, key: unknown): string {
  const found = columns.find((column) => column.key === key);
  if (found !== undefined) return found.key;
  const keys = columns.map((column) => column.key).join(', ');
  throw invalid(`${where} ${String(key)}`, `unknown column; use ${keys}`);
}

function columnList(where: string, view: View, value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid(where, 'must be a list of columns');
  }
  return value.map((key: unknown) => columnKey(where, view, key));
}

/** Parses a sort order: `cpu` ascending, `-cpu` descending. */
function sortText(where: string, view: View, value: unknown): Sort {
  if (typeof value !== 'string') throw invalid(where, 'must be a column');
  const descending = value.startsWith('-');
  return { column: columnKey(where, view, value.replace(/^-/u, '')), descending };
}

/** The columns of a view by the user's preferences, or all. */
export function columnsOf(view: View, { preferences }: RenderContext): readonly Column<unknown>[] {
  const keys = (preferences ?? noPreferences).columns[view.name];
  if (keys === undefined) return view.columns;
  return keys.flatMap((key) => view.columns.find((column) => column.key === key) ?? []);
}

/** The sort order of a list: chosen on the screen, preferred by the user, or the view's default. */
export function sortOf({ sort, view }: ListScreen, { preferences }: RenderContext): Sort {
  return sort ?? (preferences ?? noPreferences).sort[view] ?? listViews[view].sort;
}
