import type { Labels } from '../../../../manager/common/model/meta.js';
import type { ColumnRoom } from '../paint/columns.js';
import type { Glyphs } from '../paint/glyphs.js';
import { harmless } from '../paint/text.js';
import type { Style } from '../paint/spans.js';
import type { World } from './world.js';

export const viewNames = [
  'home',
  'machines',
  'projects',
  'services',
  'tasks',
  'networks',
  'endpoints',
  'volumes',
  'images',
  'secrets',
  'configs',
  'history',
  'jobs',
  'events',
] as const;
export type ViewName = (typeof viewNames)[number];

/** What a list is narrowed to by where it was entered from. */
export interface Scope {
  readonly project?: string;
  readonly serviceId?: string;
  readonly nodeId?: string;
  readonly networkId?: string;
  readonly image?: string;
  /** Also tasks whose slot another one fills now. */
  readonly history?: boolean;
}

/** A command of the CLI. */
export interface CliCommand {
  readonly name: string;
  readonly summary: string;
  /** Known once somebody begins to type a command. */
  readonly words?: CommandWords;
}

/** What can follow a command's name. */
export interface CommandWords {
  /** `--follow`. */
  readonly flags: readonly string[];
  readonly children: Readonly<Record<string, CommandWords>>;
}

export interface Sort {
  readonly column: string;
  readonly descending: boolean;
}

/** What a user wants otherwise than it comes: see docs/dashboard.md. */
export interface Preferences {
  readonly theme?: string;
  readonly ascii?: boolean;
  readonly mouse?: boolean;
  readonly readOnly?: boolean;
  /** Keys of the columns of a view, in their order. */
  readonly columns: Readonly<Partial<Record<ViewName, readonly string[]>>>;
  readonly sort: Readonly<Partial<Record<ViewName, Sort>>>;
  /** Key → what is typed after `:`, filled from the selected row as `{{.Name}}`. */
  readonly hotkeys: Readonly<Record<string, string>>;
}

/** What cells are made from besides the row's own object. */
export interface Look {
  readonly commands: readonly CliCommand[];
  readonly preferences?: Preferences;
  /** Lists show only this project. */
  readonly project?: string | undefined;
  readonly world: World;
  readonly now: number;
  readonly glyphs: Glyphs;
}

export interface Column<T> extends ColumnRoom {
  readonly title: string;
  readonly right?: boolean;
  readonly text: (item: T, look: Look) => string;
  /** What it is sorted by; the text unless told. */
  readonly order?: (item: T, look: Look) => number | string;
  readonly style?: (item: T, look: Look) => Style;
}

export interface Row {
  /** Of the object: what selection and marks follow. */
  readonly id: string;
  readonly text: string;
  readonly labels: Labels;
  /** Something is wrong with it. */
  readonly bad: boolean;
  readonly item: unknown;
}

/** A list of one kind of object: its columns, and its rows for a moment. */
export interface View {
  readonly name: ViewName;
  readonly title: string;
  /** Names for the command line. */
  readonly aliases: readonly string[];
  readonly columns: readonly Column<unknown>[];
  /** Sorted by this column at first. */
  readonly sort: Sort;
  readonly rows: (look: Look, scope: Scope) => readonly Row[];
}

export interface ViewDefinition<T> extends Omit<View, 'columns' | 'rows'> {
  readonly columns: readonly Column<T>[];
  readonly items: (look: Look, scope: Scope) => readonly T[];
  readonly id: (item: T) => string;
  /** What a filter looks at; names above all. */
  readonly text: (item: T, look: Look) => string;
  readonly labels?: (item: T) => Labels;
  readonly bad?: (item: T, look: Look) => boolean;
}

const noLabels: Labels = {};

/** A class, as rows are many and closures of their own would be more memory than the rest. */
class DefinedRow<T> implements Row {
  readonly id: string;
  readonly item: T;
  readonly #definition: ViewDefinition<T>;
  readonly #look: Look;

  constructor(definition: ViewDefinition<T>, look: Look, item: T) {
    this.id = definition.id(item);
    this.item = item;
    this.#definition = definition;
    this.#look = look;
  }

  get text(): string {
    return harmless(this.#definition.text(this.item, this.#look));
  }

  get labels(): Labels {
    return this.#definition.labels?.(this.item) ?? noLabels;
  }

  get bad(): boolean {
    return this.#definition.bad?.(this.item, this.#look) ?? false;
  }
}

/** Forgets the type of its objects, so that all views are of one type. */
export function defineView<T>(definition: ViewDefinition<T>): View {
  const { name, title, aliases, sort, columns, items } = definition;
  return {
    name,
    title,
    aliases,
    sort,
    columns: columns as readonly Column<unknown>[],
    rows: (look, scope) => items(look, scope).map((item) => new DefinedRow(definition, look, item)),
  };
}
