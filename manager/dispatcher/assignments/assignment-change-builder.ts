import type { AssignmentChange } from '../../common/protocol/assignments.js';

type Kind = keyof AssignmentChange['upsert'];
type Item<K extends Kind> = NonNullable<AssignmentChange['upsert'][K]>[number];

/** Collects the changes to one node's set; the last change of an item wins. */
export class AssignmentChangeBuilder {
  readonly #items = new Map<Kind, Map<string, object | undefined>>();

  upsert<K extends Kind>(kind: K, id: string, item: Item<K>): void {
    this.#of(kind).set(id, item);
  }

  remove(kind: Kind, id: string): void {
    this.#of(kind).set(id, undefined);
  }

  get empty(): boolean {
    return this.#items.size === 0;
  }

  finish(sequence: number): AssignmentChange {
    const upsert: Record<string, object[]> = {};
    const remove: Record<string, string[]> = {};
    for (const [kind, items] of this.#items) {
      for (const [id, item] of items) {
        if (item === undefined) (remove[kind] ??= []).push(id);
        else (upsert[kind] ??= []).push(item);
      }
    }
    return { sequence, upsert, remove };
  }

  #of(kind: Kind): Map<string, object | undefined> {
    let items = this.#items.get(kind);
    if (items === undefined) {
      items = new Map();
      this.#items.set(kind, items);
    }
    return items;
  }
}
