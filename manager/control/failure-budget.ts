/** Failed requests of one client that are recorded at once. */
const burst = 100;
/** Time after which one more is recorded, ms. */
const refillMs = 1_000;
const maxClients = 2_000;

interface Spent {
  readonly tokens: number;
  readonly omitted: number;
  readonly at: number;
}

/**
 * Limits how many failed requests of each client are recorded: a client that may only read must not
 * make the leader write to its disk as fast as it can be refused. Omitted ones are counted.
 */
export class FailureBudget {
  readonly #spent = new Map<string, Spent>();

  /**
   * Undefined if the failure is omitted, else the number of failures that were omitted since the
   * last recorded one. `now` is in ms.
   */
  take(client: string, now: number): number | undefined {
    const { tokens, omitted, at } = this.#spent.get(client) ?? {
      tokens: burst,
      omitted: 0,
      at: now,
    };
    const refilled = Math.min(burst, tokens + Math.max(0, now - at) / refillMs);
    this.#spent.delete(client);
    const isRecorded = refilled >= 1;
    this.#spent.set(client, {
      tokens: isRecorded ? refilled - 1 : refilled,
      omitted: isRecorded ? 0 : omitted + 1,
      at: now,
    });
    const [oldest] = this.#spent.keys();
    if (this.#spent.size > maxClients && oldest !== undefined) this.#spent.delete(oldest);
    return isRecorded ? omitted : undefined;
  }
}
