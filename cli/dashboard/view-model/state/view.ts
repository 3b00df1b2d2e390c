import type { Labels } from '../../../../manager/common/model/meta.js';
import type { ColumnConstraints } from '../paint/columns.js';
import type { Glyphs } from '../paint/glyphs.js';
import { sanitizeText } from '../paint/text.js';
import type { Style } from '../paint/spans.js';
import type { ClusterState } from './cluster-state.js';

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

/** Restricts a list to the objects of the row from which it was opened. */
export interface ListScope {
  readonly project?: string;
  readonly serviceId?: string;
  readonly nodeId?: string;
  readonly networkId?: string;
  readonly image?: string;
  /** Includes tasks that were replaced in their slot. */
  readonly history?: boolean;
}

/** A command of the CLI. */
export interface CliCommand {
  readonly name: string;
  readonly summary: string;
  /** Flags and subcommands; undefined until the user first types `:`. */
  readonly words?: CommandTree;
}

/** Flags and subcommands of a command, for completion. */
export interface CommandTree {
  /** Long flags such as `--follow`. */
  readonly flags: readonly string[];
  readonly children: Readonly<Record<string, CommandTree>>;
}

export interface Sort {
  readonly column: string;
  readonly descending: boolean;
}

/** The user's settings of the dashboard, see docs/reference/dashboard.md. */
export interface Preferences {
  readonly theme?: string;
  readonly ascii?: boolean;
  readonly mouse?: boolean;
  readonly readOnly?: boolean;
  /** Column keys of a view, in display order. */
  readonly columns: Readonly<Partial<Record<ViewName, readonly string[]>>>;
  readonly sort: Readonly<Partial<Record<ViewName, Sort>>>;
  /** Key → command line after `:`, a template over the selected row such as `{{.Name}}`. */
  readonly hotkeys: Readonly<Record<string, string>>;
}

/** Inputs for rendering a row besides its object. */
export interface RenderContext {
  readonly commands: readonly CliCommand[];
  readonly preferences?: Preferences;
  /** Restricts all lists to this project. */
  readonly project?: string | undefined;
  readonly world: ClusterState;
  readonly now: number;
  readonly glyphs: Glyphs;
}

export interface Column<T> extends ColumnConstraints {
  readonly title: string;
  readonly right?: boolean;
  readonly text: (item: T, look: RenderContext) => string;
  /** Sort key; the text by default. */
  readonly order?: (item: T, look: RenderContext) => number | string;
  readonly style?: (item: T, look: RenderContext) => Style;
}

export interface Row {
  /** The object's id, which selection and marks refer to. */
  readonly id: string;
  readonly text: string;
  readonly labels: Labels;
  /** True if the object has a problem. */
  readonly hasProblem: boolean;
  readonly item: unknown;
}

/** A list of one kind of object: its columns and rows. */
export interface View {
  readonly name: ViewName;
  readonly title: string;
  /** Names on the command line. */
  readonly aliases: readonly string[];
  readonly columns: readonly Column<unknown>[];
  /** Default sort order. */
  readonly sort: Sort;
  readonly rows: (look: RenderContext, scope: ListScope) => readonly Row[];
}

export interface ViewDefinition<T> extends Omit<View, 'columns' | 'rows'> {
  readonly columns: readonly Column<T>[];
  readonly items: (look: RenderContext, scope: ListScope) => readonly T[];
  readonly id: (item: T) => string;
  /** The text that filters match, mostly names. */
  readonly text: (item: T, look: RenderContext) => string;
  readonly labels?: (item: T) => Labels;
  readonly hasProblem?: (item: T, look: RenderContext) => boolean;
}

const noLabels: Labels = {};

/** A class instead of closures, which would dominate the memory of many rows. */
class DefinedRow<T> implements Row {
  readonly id: string;
  readonly item: T;
  readonly #definition: ViewDefinition<T>;
  readonly #look: RenderContext;

  constructor(definition: ViewDefinition<T>, look: RenderContext, item: T) {
    this.id = definition.id(item);
    this.item = item;
    this.#definition = definition;
    this.#look = look;
  }

  get text(): string {
    return sanitizeText(this.#definition.text(this.item, this.#look));
  }

  get labels(): Labels {
    return this.#definition.labels?.(this.item) ?? noLabels;
  }

  get hasProblem(): boolean {
    return this.#definition.hasProblem?.(this.item, this.#look) ?? false;
  }
}

/** Builds a view and erases its object type, so that all views have one type. */
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
