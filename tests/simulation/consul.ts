import { AppError, toAppError } from '../../manager/common/base/errors.js';
import type { KvClient, KvEntry, KvOperation } from '../../manager/store/consul/client.js';
import { maxOperations } from '../../manager/store/consul/client.js';
import { UncertainError } from '../../manager/store/consul/failure.js';
import type { Faults } from './slow-disk.js';

/** One manager's way to Consul. */
export interface Link extends KvClient {
  /** Nothing it sends arrives and nothing comes back; what was under way may still be done. */
  cut: boolean;
  /** When Consul last heard its health check. */
  heardAt: number;
}

const requestTimeoutMs = 5_000;
/** A session whose check is not heard for this long ends. */
const sessionMs = 700;

type Fate = 'done' | 'answer lost' | 'lost' | 'late';

function fateOf(lot: number): Fate {
  if (lot < 0.01) return 'answer lost';
  if (lot < 0.015) return 'lost';
  return lot < 0.02 ? 'late' : 'done';
}

/**
 * Consul's keys as far as they matter: check-and-set on the index of a key's last change, transactions that
 * are done whole or not at all, a lock held by a session. Requests come late, get lost on their way, are done
 * though the answer gets lost, or are done long after their sender gave up.
 */
export class SimulatedConsul {
  readonly #faults: Faults;
  readonly #entries = new Map<string, KvEntry>();
  readonly #holders = new Map<string, Link>();
  #sessions = 0;
  #index = 1;
  /** Its servers have no majority: nothing is read or written, and no session ends. */
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

  /** Takes the lock when it is free. Returns the index that its holder checks. */
  acquire(key: string, link: Link): number | undefined {
    // An earlier session of the same process is not this one.
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

  /** A session ends when its check was not heard for a while, and frees the lock. */
  holder(key: string): Link | undefined {
    const entry = this.#entries.get(key);
    if (entry?.session === undefined) return undefined;
    const link = this.#holders.get(entry.session);
    if (this.leaderless || this.#faults.clock.now() - (link?.heardAt ?? 0) <= sessionMs)
      return link;
    this.#faults.tally.note('session expired');
    this.#put({ ...entry, session: undefined });
    return undefined;
  }

  #request<Answer>(link: Link, work: () => Answer): Promise<Answer> {
    const { clock, random, mayFail, tally } = this.#faults;
    const fate = fateOf(mayFail() ? random() : 1);
    const isSlow = random() < 0.02;
    if (isSlow) tally.note('request stalled');
    if (fate === 'lost') tally.note('request was lost');
    return new Promise((resolve, reject) => {
      let isOver = false;
      const cancel = clock.after(requestTimeoutMs, () => {
        isOver = true;
        reject(new UncertainError('consul did not answer', undefined));
      });
      const answer = (give: () => void): void => {
        if (fate === 'answer lost' || link.cut) {
          tally.note('request was done, its answer lost');
          return;
        }
        clock.after(1 + random() * 3, () => {
          if (link.cut) return;
          cancel();
          give();
        });
      };
      const act = (): void => {
        if (isOver) tally.note('request was done after its sender gave up');
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
        // What was on its way when the cable was cut is there already, comes much later, or never.
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
    // As Consul has it: to delete what is not there is fine.
    if (operation.verb === 'delete-cas' && index === 0) return;
    if (index !== (operation.index ?? 0)) {
      this.#faults.tally.note('check-and-set was refused');
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
