import { AppError } from '../common/base/errors.js';
import type { Task } from '../common/model/task.js';
import type { Actor } from '../common/model/task-state.js';
import type { PlacementView } from './indexes/placement-index.js';
import { TableView } from './query.js';
import type { Draft, StoreChange, TableName, Tables, Transaction } from './store.js';
import type { TableObject } from './table-definitions.js';
import { tableDefinition, uniqueNameOf } from './table-definitions.js';
import type { TableSet } from './tables.js';
import { validateTaskWrite } from './write-rules.js';

/**
 * Transaction over the tables. Writes apply immediately, so that reads see them, and are recorded
 * for rollback. Valid for one synchronous call only; later writes throw `internal`.
 */
export class TableTransaction extends TableView implements Transaction {
  readonly now: number;
  readonly #actor: Actor;
  readonly #version: number;
  /** First `before` and last `after` of each object, in order of its first write. */
  readonly #changes = new Map<string, StoreChange>();
  #sealed = false;

  constructor(
    tables: TableSet,
    context: { readonly actor: Actor; readonly version: number; readonly now: number },
  ) {
    super(tables, () => context.version);
    this.now = context.now;
    this.#actor = context.actor;
    this.#version = context.version;
  }

  get placement(): PlacementView {
    return this.tables.placement;
  }

  create<Name extends TableName>(table: Name, object: Draft<Tables[Name]>): Tables[Name] {
    const id = (object as { readonly id: string }).id;
    if (this.tables.get(table, id) !== undefined) {
      throw new AppError('conflict', `${tableDefinition(table).singular} ${id} already exists`);
    }
    return this.#write(table, undefined, {
      ...object,
      version: this.#version,
      createdAt: this.now,
      updatedAt: this.now,
    } as unknown as Tables[Name]);
  }

  put<Name extends TableName>(table: Name, object: Tables[Name]): Tables[Name] {
    const before = this.get(table, object.id);
    if (before === undefined) {
      throw new AppError(
        'conflict',
        `${tableDefinition(table).singular} ${object.id} no longer exists`,
      );
    }
    if (before.version !== object.version) {
      throw new AppError(
        'conflict',
        `${tableDefinition(table).singular} ${object.id}: update out of sequence`,
      );
    }
    return this.#write(table, before, {
      ...object,
      version: this.#version,
      createdAt: before.createdAt,
      updatedAt: this.now,
    });
  }

  remove<Name extends TableName>(table: Name, id: Tables[Name]['id']): void {
    this.#assertOpen();
    const before = this.get(table, id);
    if (before !== undefined) this.#record({ table, id, before, after: undefined } as StoreChange);
  }

  /** Ends the transaction and returns its changes, one entry for each object. */
  seal(): readonly StoreChange[] {
    this.#sealed = true;
    return [...this.#changes.values()].filter(
      (change) => change.before !== undefined || change.after !== undefined,
    );
  }

  /** Rolls back every write. */
  undo(): void {
    this.#sealed = true;
    for (const change of [...this.#changes.values()].reverse()) this.tables.revert(change);
  }

  #write<Name extends TableName>(
    table: Name,
    before: Tables[Name] | undefined,
    after: Tables[Name],
  ): Tables[Name] {
    this.#assertOpen();
    this.#checkName(table, after);
    if (table === 'tasks')
      validateTaskWrite(this.#actor, before as Task | undefined, after as Task);
    this.#record({ table, id: after.id, before, after } as StoreChange);
    return after;
  }

  #checkName(table: TableName, object: TableObject): void {
    const name = uniqueNameOf(table, object);
    if (name === undefined) return;
    const holder = this.tables.byName(table, name);
    if (holder !== undefined && holder.id !== object.id) {
      throw new AppError('conflict', `${tableDefinition(table).singular} ${name} already exists`);
    }
  }

  #record(change: StoreChange): void {
    this.tables.apply(change);
    const key = `${change.table}/${change.id}`;
    const earlier = this.#changes.get(key);
    this.#changes.set(
      key,
      earlier === undefined ? change : ({ ...change, before: earlier.before } as StoreChange),
    );
  }

  #assertOpen(): void {
    if (this.#sealed)
      throw new AppError('internal', 'transaction: write after the transaction has ended');
  }
}
