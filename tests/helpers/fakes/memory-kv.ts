import { AppError } from '../../../manager/common/base/errors.js';
import type { KvClient, KvEntry, KvOperation } from '../../../manager/store/consul/client.js';
import { maxOperations, maxRequestBytes } from '../../../manager/store/consul/client.js';

/** Runs a transaction; a test may run it later, twice or not at all. */
export type RunTransaction = () => ReadonlyMap<string, number>;
export type Intercept = (
  operations: readonly KvOperation[],
  run: RunTransaction,
) => ReadonlyMap<string, number> | Promise<ReadonlyMap<string, number>> | undefined;

/** The key-value part of a Consul in memory, with its rules and limits. */
export class MemoryKv implements KvClient {
  readonly entries = new Map<string, KvEntry>();
  /** Transactions that arrived, in order. */
  readonly transactions: (readonly KvOperation[])[] = [];
  /** Prefixes that were listed. */
  readonly listed: string[] = [];
  closed = 0;
  checked = 0;
  /** Takes the place of the execution of a transaction unless it returns undefined. */
  intercept: Intercept | undefined;
  /** Runs before each read of one key. */
  beforeGet: ((key: string) => void) | undefined;
  #index = 100;

  checkVersion(): Promise<void> {
    this.checked += 1;
    return Promise.resolve();
  }

  async transact(operations: readonly KvOperation[]): Promise<ReadonlyMap<string, number>> {
    this.transactions.push(operations);
    await Promise.resolve();
    const run = (): ReadonlyMap<string, number> => this.#execute(operations);
    return (await this.intercept?.(operations, run)) ?? run();
  }

  async get(key: string): Promise<KvEntry | undefined> {
    await Promise.resolve();
    this.beforeGet?.(key);
    return this.entries.get(key);
  }

  list(prefix: string): Promise<readonly KvEntry[]> {
    this.listed.push(prefix);
    return Promise.resolve(
      [...this.entries.values()]
        .filter(({ key }) => key.startsWith(prefix))
        .sort((a, b) => (a.key < b.key ? -1 : 1)),
    );
  }

  keys(prefix: string): Promise<readonly string[]> {
    return Promise.resolve([...this.entries.keys()].filter((key) => key.startsWith(prefix)).sort());
  }

  close(): void {
    this.closed += 1;
  }

  /** Writes a key as another tool would. */
  set(key: string, value: string | Buffer, flags = 0): void {
    this.#index += 1;
    const bytes = Buffer.from(value);
    this.entries.set(key, { key, value: bytes, flags, index: this.#index, session: undefined });
  }

  #execute(operations: readonly KvOperation[]): ReadonlyMap<string, number> {
    const bytes = JSON.stringify(operations.map((each) => ({ KV: wireOf(each) }))).length;
    if (operations.length > maxOperations || bytes > maxRequestBytes)
      throw new AppError('invalid', `${operations.length} operations, ${bytes} bytes: too large`);
    const failed = operations.find((operation) => !this.#holds(operation));
    if (failed !== undefined) throw new AppError('conflict', `${failed.verb} ${failed.key} failed`);
    this.#index += 1;
    const done = new Map<string, number>();
    for (const operation of operations) {
      const { key } = operation;
      if (operation.verb === 'cas' || operation.verb === 'set') {
        const { value, flags = 0 } = operation;
        this.entries.set(key, { key, value, flags, index: this.#index, session: undefined });
        done.set(key, this.#index);
      } else if (operation.verb !== 'check-index') this.entries.delete(key);
    }
    return done;
  }

  #holds(operation: KvOperation): boolean {
    if (operation.verb === 'set' || operation.verb === 'delete') return true;
    return (this.entries.get(operation.key)?.index ?? 0) === operation.index;
  }
}

function wireOf(operation: KvOperation): object {
  return 'value' in operation
    ? { ...operation, value: operation.value.toString('base64') }
    : operation;
}
