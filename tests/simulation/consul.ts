import { AppError, toAppError } from '../../manager/common/base/errors.js';
import type { KvClient, KvEntry, KvOperation } from '../../manager/store/consul/client.js';
import { maxOperations } from '../../manager/store/consul/client.js';
import { UnknownOutcomeError } from '../../manager/store/consul/errors.js';
import type { Faults } from './slow-disk.js';

/** A manager's connection to Consul. */
export interface Link extends KvClient {
  /** True while requests and answers are lost; a request in flight may still be carried out. */
  cut: boolean;
  /** When Consul last received its health check. */
  heardAt: number;
}

const requestTimeoutMs = 5_000;
/** A session expires if its check has not passed for this long. */
const sessionMs = 700;

type Fate = 'done' | 'answer lost' | 'lost' | 'late';

function fateOf(draw: number): Fate {
  if (draw < 0.01) return 'answer lost';
  if (draw < 0.015) return 'lost';
  return draw < 0.02 ? 'late' : 'done';
}

/**
 * Consul's KV store as far as the managers use it: check-and-set on a key's modify index, atomic
 * transactions, a lock held by a session. Requests may be delayed, lost, carried out with the
 * answer lost, or carried out long after the sender timed out.
 */
export class SimulatedConsul {
  readonly #faults: Faults;
  readonly #entries = new Map<string, KvEntry>();
  readonly #holders = new Map<string, Link>();
  #sessions = 0;
  #index = 1;
  /** The servers have no quorum: no reads, no writes, and no session expires. */
  leaderless = false;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  link(): Link {
    const link: Link = {
      cut: false,
      heardAt: this.#faults.clock.now(),
      checkVersion: () => Promise.resolve(),
      close: () => undefined,
      transact: (operations) => this.#request(link, () => this.#transact(operations)),
      get: (key) => this.#request(link, () => this.#entries.get(key)),
      keys: (prefix) => this.#request(link, () => this.#list(prefix).map(({ key }) => key)),
      list: (prefix) => this.#request(link, () => this.#list(prefix)),
    };
    return link;
  }

  /** Takes the lock if it is free. Returns the index that its holder checks. */
  acquire(key: string, link: Link): number | undefined {
    // A lock of an earlier session of the same process does not count.
    if (this.leaderless) return undefined;
    this.release(key, link);
    if (this.holder(key) !== undefined) return undefined;
    this.#sessions += 1;
    const session = `session-${this.#sessions}`;
    this.#holders.set(session, link);
    this.#put({ key, value: Buffer.alloc(0), flags: 0, session });
    return this.#entries.get(key)?.index;
  }

  release(key: string, link: Link): void {
    const entry = this.#entries.get(key);
    if (entry?.session === undefined || this.#holders.get(entry.session) !== link) return;
    if (this.leaderless) return;
    this.#put({ ...entry, session: undefined });
  }

  /** Returns the lock's holder. A session with an overdue check expires and frees the lock. */
  holder(key: string): Link | undefined {
    const entry = this.#entries.get(key);
    if (entry?.session === undefined) return undefined;
    const link = this.#holders.get(entry.session);
    if (this.leaderless || this.#faults.clock.now() - (link?.heardAt ?? 0) <= sessionMs)
      return link;
    this.#faults.tally.record('session expired');
    this.#put({ ...entry, session: undefined });
    return undefined;
  }

  #request<Answer>(link: Link, work: () => Answer): Promise<Answer> {
    const { clock, random, mayFail, tally } = this.#faults;
    const fate = fateOf(mayFail() ? random() : 1);
    const isSlow = random() < 0.02;
    if (isSlow) tally.record('request stalled');
    if (fate === 'lost') tally.record('request was lost');
    return new Promise((resolve, reject) => {
      let timedOut = false;
      const cancel = clock.after(requestTimeoutMs, () => {
        timedOut = true;
        reject(new UnknownOutcomeError('consul did not answer', undefined));
      });
      const answer = (settle: () => void): void => {
        if (fate === 'answer lost' || link.cut) {
          tally.record('request was done, its answer lost');
          return;
        }
        clock.after(1 + random() * 3, () => {
          if (link.cut) return;
          cancel();
          settle();
        });
      };
      const act = (): void => {
        if (timedOut) tally.record('request was done after its sender gave up');
        try {
          if (this.leaderless) throw new AppError('unavailable', 'consul has no leader');
          const result = work();
          answer(() => {
            resolve(result);
          });
        } catch (error) {
          answer(() => {
            reject(toAppError(error));
          });
        }
      };
      if (fate === 'lost') return;
      const delayMs = isSlow ? random() * 1_500 : 1 + random() * 5;
      clock.after(fate === 'late' ? requestTimeoutMs + random() * 8_000 : delayMs, () => {
        if (!link.cut) act();
        // A request in flight when the link is cut has arrived already, arrives much later, or is
        // lost.
        else if (random() < 0.4) act();
        else if (random() < 0.5) clock.after(1_000 + random() * 8_000, act);
      });
    });
  }

  #transact(operations: readonly KvOperation[]): ReadonlyMap<string, number> {
    if (operations.length > maxOperations) throw new AppError('invalid', 'too many operations');
    for (const operation of operations) this.#check(operation);
    this.#index += 1;
    const indexes = new Map<string, number>();
    for (const operation of operations) {
      const { key } = operation;
      if (operation.verb === 'delete' || operation.verb === 'delete-cas') this.#entries.delete(key);
      else if ('value' in operation) {
        const { value, flags = 0 } = operation;
        const { session } = this.#entries.get(key) ?? {};
        this.#entries.set(key, { key, value, flags, index: this.#index, session });
        indexes.set(key, this.#index);
      }
    }
    return indexes;
  }

  #check(operation: KvOperation): void {
    if (operation.verb === 'set' || operation.verb === 'delete') return;
    const index = this.#entries.get(operation.key)?.index ?? 0;
    // As in Consul, deleting a missing key succeeds.
    if (operation.verb === 'delete-cas' && index === 0) return;
    if (index !== (operation.index ?? 0)) {
      this.#faults.tally.record('check-and-set was refused');
      throw new AppError('conflict', `${operation.key} has index ${index}`);
    }
  }

  #put(entry: Omit<KvEntry, 'index'>): void {
    this.#index += 1;
    this.#entries.set(entry.key, { ...entry, index: this.#index });
  }

  #list(prefix: string): readonly KvEntry[] {
    return [...this.#entries.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}
