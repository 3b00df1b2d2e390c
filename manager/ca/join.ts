import type { Clock } from '../common/base/clock.js';
import { AppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { NewId } from '../common/base/random.js';
import type { JoinToken } from '../common/model/join-token.js';
import type {
  JoinAnswer,
  JoinRequest,
  MadeToken,
  ShownToken,
} from '../common/protocol/security.js';
import { changeCluster } from '../store/cluster-record.js';
import type { ClusterRecord, ClusterStore, Transaction } from '../store/store.js';
import {
  fingerprintOf,
  formatToken,
  hashSecret,
  matchesHash,
  newSecret,
} from '../common/pki/join-token.js';
import type { PeerIdentity } from '../common/pki/pki.js';

export interface JoinOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
  readonly clusterId: string;
  readonly clusterName: string;
  /** `host:port` of every manager. */
  readonly managers: () => Promise<readonly string[]>;
  /** PEM of the authority everybody trusts. */
  readonly ca: string;
  readonly sign: (order: {
    readonly request: string;
    readonly identity: PeerIdentity;
    readonly alternativeNames: readonly string[];
  }) => Promise<string>;
}

const maxTokens = 100;
const maxNames = 20;
/** Compared with when a token is not known, so that this takes as long. */
const nobody = hashSecret('');

/** Join tokens: makes them, and turns a good one into a certificate of a new node. */
export class JoinDesk {
  readonly #options: JoinOptions;
  readonly #failures: FailureCount;

  constructor(options: JoinOptions) {
    this.#options = options;
    this.#failures = new FailureCount(options.clock);
  }

  /** Makes a token; expired ones are forgotten. Throws `conflict` when there are too many. */
  async create(order: {
    readonly ttlMs: number;
    readonly uses: number | undefined;
    readonly label: string;
  }): Promise<MadeToken> {
    const { newId, clock } = this.#options;
    const secret = newSecret();
    const now = clock.now();
    const made: JoinToken = {
      id: newId().slice(0, 12),
      role: 'worker',
      label: order.label,
      hash: hashSecret(secret),
      createdAt: now,
      expiresAt: now + order.ttlMs,
      ...(order.uses === undefined ? {} : { usesLeft: order.uses }),
      used: 0,
    };
    await this.#update((record) => {
      const alive = (record.tokens ?? []).filter(({ expiresAt }) => expiresAt > now);
      if (alive.length >= maxTokens) {
        throw new AppError('conflict', `there are ${maxTokens} join tokens: remove some first`);
      }
      return [...alive, made];
    });
    return this.#shown(made, secret);
  }

  /** Gives a token another secret. */
  async rotate(id: string): Promise<MadeToken> {
    const secret = newSecret();
    let rotated: JoinToken | undefined;
    await this.#update((record) =>
      (record.tokens ?? []).map((token) => {
        if (token.id !== id) return token;
        rotated = { ...token, hash: hashSecret(secret) };
        return rotated;
      }),
    );
    if (rotated === undefined) throw new AppError('not-found', `no such token: ${id}`);
    return this.#shown(rotated, secret);
  }

  /**
   * A machine without a certificate wants to be a node. Which node it becomes is decided here. Throws
   * `forbidden` for a bad token and `unavailable` for who tries too often.
   */
  async join(body: unknown, remote: string): Promise<JoinAnswer> {
    const { newId, clusterId, clusterName, managers, sign, store, log } = this.#options;
    this.#failures.check(remote);
    const order = readRequest(body);
    this.#checkToken(order, remote);
    checkName(store, order.name);
    const nodeId = newId();
    const { request, alternativeNames } = order;
    const identity: PeerIdentity = { clusterId, role: 'worker', nodeId };
    const chain = await sign({ request, identity, alternativeNames });
    // Last, so that a bad request uses nothing up; a token that was used up meanwhile gives nothing out.
    await store.update('control', (tx) => {
      useUp(tx, order.tokenId);
    });
    log.info(`machine ${order.name} joins by token ${order.tokenId}`, { nodeId, from: remote });
    return { clusterId, clusterName, nodeId, chain, managers: await managers() };
  }

  #checkToken({ tokenId, secret }: JoinRequest, remote: string): void {
    const { store, clock, log } = this.#options;
    const tokens = store.view.get('cluster', 'cluster')?.tokens ?? [];
    const token = tokens.find(({ id }) => id === tokenId);
    const matches = matchesHash(secret, token?.hash ?? nobody);
    if (token === undefined || !matches) {
      this.#failures.note(remote);
      log.warn('refused: a join token that is not known', { from: remote });
      throw new AppError(
        'forbidden',
        'join token is not known: "shoal token create" makes a new one',
      );
    }
    if (token.expiresAt <= clock.now()) {
      const since = new Date(token.expiresAt).toUTCString();
      throw new AppError('forbidden', `join token ${tokenId} has expired on ${since}`);
    }
    if (token.usesLeft === 0) throw usedUp(tokenId);
  }

  #update(change: (record: ClusterRecord) => readonly JoinToken[]): Promise<void> {
    return this.#options.store.update('control', (tx) => {
      changeCluster(tx, (record) => ({ ...record, tokens: change(record) }));
    });
  }

  #shown({ hash: _hash, ...token }: JoinToken, secret: string): MadeToken {
    const { id, role } = token;
    const text = formatToken({ role, id, secret, fingerprint: fingerprintOf(this.#options.ca) });
    return { token: token satisfies ShownToken, text };
  }
}

function usedUp(id: string): AppError {
  return new AppError('forbidden', `join token ${id} was used as often as it may be`);
}

function useUp(tx: Transaction, id: string): void {
  const record = tx.get('cluster', 'cluster');
  const token = record?.tokens?.find((one) => one.id === id);
  if (record === undefined || token === undefined || token.usesLeft === 0) throw usedUp(id);
  const usesLeft = token.usesLeft === undefined ? {} : { usesLeft: token.usesLeft - 1 };
  const used: JoinToken = { ...token, ...usesLeft, used: token.used + 1 };
  const tokens = (record.tokens ?? []).map((one) => (one.id === id ? used : one));
  tx.put('cluster', { ...record, tokens });
}

function checkName(store: ClusterStore, name: string): void {
  const holder = store.view.nodeByName(name);
  if (holder === undefined) return;
  throw new AppError(
    'conflict',
    `node name ${name} is taken by node ${holder.id}: give another with --name, or remove that node first`,
  );
}

const namePattern = /^[0-9A-Za-z][0-9A-Za-z.-]{0,62}$/u;
const alternativePattern = /^[0-9A-Za-z.:-]{1,253}$/u;

function readRequest(body: unknown): JoinRequest {
  const fields = (body ?? {}) as Partial<Record<keyof JoinRequest, unknown>>;
  const text = (key: keyof JoinRequest, most: number): string => {
    const value = fields[key];
    if (typeof value === 'string' && value !== '' && value.length <= most) return value;
    throw new AppError('invalid', `join: ${key} must be a text of ${most} characters at most`);
  };
  const name = text('name', 63);
  if (!namePattern.test(name)) {
    throw new AppError('invalid', `invalid node name: allowed are 0-9 a-z A-Z . - (63 at most)`);
  }
  const names = fields.alternativeNames;
  const good =
    Array.isArray(names) &&
    names.length <= maxNames &&
    names.every((one) => typeof one === 'string' && alternativePattern.test(one));
  if (!good) throw new AppError('invalid', 'join: alternativeNames must be names and addresses');
  return {
    tokenId: text('tokenId', 64),
    secret: text('secret', 128),
    request: text('request', 16_384),
    name,
    alternativeNames: names as readonly string[],
  };
}

const windowMs = 60_000;
const perAddress = 10;
const inAll = 1_000;

/** Failed attempts of late, by address and in all; memory is bounded. */
class FailureCount {
  readonly #clock: Clock;
  #since = 0;
  #all = 0;
  #counts = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws `unavailable` for who has failed too often within the last minute. */
  check(remote: string): void {
    this.#begin();
    if (this.#all < inAll && (this.#counts.get(remote) ?? 0) < perAddress) return;
    throw new AppError('unavailable', 'too many failed attempts to join: try again in a minute');
  }

  note(remote: string): void {
    this.#begin();
    this.#all += 1;
    this.#counts.set(remote, (this.#counts.get(remote) ?? 0) + 1);
  }

  #begin(): void {
    const now = this.#clock.now();
    if (Math.abs(now - this.#since) < windowMs) return;
    this.#since = now;
    this.#all = 0;
    this.#counts = new Map();
  }
}
