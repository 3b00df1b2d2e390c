export interface KnownManager {
  readonly nodeId: string;
  /** `host:port`. */
  readonly address: string;
}

/** The cluster's managers, in the form sent to workers. */
export class ManagerList {
  #managers: readonly KnownManager[];
  /** The first list always counts as changed: roles in the store may be stale. */
  #isFirst = true;

  constructor(managers: readonly KnownManager[]) {
    this.#managers = managers;
  }

  get addresses(): readonly string[] {
    return this.#managers.map(({ address }) => address);
  }

  get nodes(): readonly string[] {
    return this.#managers.map(({ nodeId }) => nodeId);
  }

  /** Returns whether the list changed; always true for the first call. */
  replace(managers: readonly KnownManager[]): boolean {
    const keyOf = (list: readonly KnownManager[]): string =>
      list.map(({ nodeId, address }) => `${nodeId}@${address}`).join();
    const isChanged = this.#isFirst || keyOf(managers) !== keyOf(this.#managers);
    this.#isFirst = false;
    this.#managers = managers;
    return isChanged;
  }
}
