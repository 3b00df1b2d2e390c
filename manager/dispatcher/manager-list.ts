export interface KnownManager {
  readonly nodeId: string;
  /** `host:port`. */
  readonly address: string;
}

/** Which managers there are, as workers are told. */
export class ManagerList {
  #managers: readonly KnownManager[];
  /** What the store says of them may be of another time. */
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

  /** Returns whether that is news, as the first list always is. */
  replace(managers: readonly KnownManager[]): boolean {
    const text = (list: readonly KnownManager[]): string =>
      list.map(({ nodeId, address }) => `${nodeId}@${address}`).join();
    const isNews = this.#isFirst || text(managers) !== text(this.#managers);
    this.#isFirst = false;
    this.#managers = managers;
    return isNews;
  }
}
